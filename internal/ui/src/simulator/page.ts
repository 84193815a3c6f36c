import { glide } from "../lib/flip";
import { morph } from "../lib/morph";
import { countDown, localise } from "../lib/time";
import { markUnread } from "./unread";

const PATH = "/simulator/";
/** Nearer to the end than this, in pixels, the reader is taken to be at the end. */
const NEAR_END = 80;

/** The page in its present state, and the way to the next one. */
export class Page {
  private busy = false;
  private again = false;

  main(): HTMLElement {
    const main = document.getElementById("sim");
    if (!main) throw new Error("the page has no #sim");
    return main;
  }

  start(): void {
    markUnread();
    addEventListener("popstate", () => void this.refresh());
    document.addEventListener("visibilitychange", markUnread);
    document.addEventListener("click", (e) => this.follow(e));
  }

  /** Takes over links within the page, as a browser would follow them. */
  private follow(e: MouseEvent): void {
    const link = e.target instanceof Element ? e.target.closest<HTMLAnchorElement>("#sim a[href]") : null;
    if (!link || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || url.pathname !== PATH) return;
    e.preventDefault();
    const find = document.querySelector<HTMLInputElement>("#q");
    if (find && !link.dataset["party"]) find.value = "";
    if (find?.value) url.searchParams.set("q", find.value);
    history.pushState(null, "", url);
    void this.refresh().then(() => this.focusAfter(link));
  }

  /** Where the list has given way to the phone, or the other way round, focus goes along. */
  private focusAfter(link: HTMLElement): void {
    if (link.isConnected && link.checkVisibility()) return;
    const next =
      document.querySelector<HTMLElement>("#rows .row[aria-current]") ?? document.querySelector<HTMLElement>("#rows .row");
    const target = next?.checkVisibility() ? next : document.querySelector<HTMLElement>("#bubbles");
    target?.focus({ preventScroll: true });
  }

  /** Searches the list, keeping the open phone open. */
  search(query: string): void {
    const url = this.pinned();
    if (query) url.searchParams.set("q", query);
    else url.searchParams.delete("q");
    history.replaceState(null, "", url);
    void this.refresh();
  }

  /** The address of what is open now, said by name. */
  private pinned(): URL {
    const url = new URL(location.href);
    const open = this.main().dataset["open"];
    if (open && !url.searchParams.has("to") && this.main().hasAttribute("data-explicit")) url.searchParams.set("to", open);
    return url;
  }

  /** Without a number in the address the page follows the newest text, but not away from somebody who is typing. */
  private holdWhileTyping(): void {
    const reply = document.querySelector<HTMLInputElement>("#reply-text");
    const open = this.main().dataset["open"];
    if (!reply || !open || (!reply.value && document.activeElement !== reply)) return;
    const url = new URL(location.href);
    if (url.searchParams.has("to")) return;
    url.searchParams.set("to", open);
    history.replaceState(null, "", url);
  }

  /** Renders the present address anew. Calls while one is under way become one more. */
  async refresh(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.again = false;
        this.holdWhileTyping();
        const asked = location.href;
        const answer = await fetch(asked, { headers: { Accept: "text/html" } });
        if (!answer.ok) return;
        const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("sim");
        if (asked !== location.href) this.again = true;
        else if (next) this.show(next);
      } while (this.again);
    } catch {
      // The connection is lost: the stream says so and comes back for the rest.
    } finally {
      this.busy = false;
    }
  }

  private show(next: HTMLElement): void {
    const main = this.main();
    const before = document.getElementById("bubbles");
    const atEnd = !before || before.scrollHeight - before.scrollTop - before.clientHeight < NEAR_END;
    const sameThread = main.dataset["open"] === next.dataset["open"];
    const known = new Set([...main.querySelectorAll<HTMLElement>("#bubbles [data-key]")].map((b) => b.dataset["key"]));
    const focused = document.activeElement;

    localise(next);
    countDown(next);
    glide(
      () => document.querySelectorAll<HTMLElement>("#rows > li"),
      () => morph(main, next),
    );
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true }); // moving an element takes its focus
    }
    const after = document.getElementById("bubbles");
    if (after && (!sameThread || atEnd)) after.scrollTop = after.scrollHeight;
    if (after && sameThread) {
      for (const b of after.querySelectorAll<HTMLElement>("[data-key]")) {
        if (!known.has(b.dataset["key"])) b.classList.add("fresh");
      }
    }
    markUnread();
  }
}
