import type { Page } from "./page";

/** How long to wait before asking again where the browser has given up, in milliseconds. */
const RETRY_MS = 2000;
/** A loss shorter than this is not worth a word. */
const PATIENCE_MS = 700;

interface Message {
  id: string;
  to: string;
  channel: string;
  subject?: string;
  text: string;
  direction?: string;
}

/** Keeps the page live over server-sent events, and says when it is not. */
export function startStream(page: Page, say: (text: string) => void): void {
  let last = page.main().dataset["last"] ?? "";
  let complaint: ReturnType<typeof setTimeout> | undefined;

  const live = (): void => {
    clearTimeout(complaint);
    complaint = undefined;
    state("live", "Live", "");
  };
  const lost = (): void => {
    complaint ??= setTimeout(() => state("lost", "Lost", "Connection to Countersign lost. Trying again …"), PATIENCE_MS);
  };

  const open = (): void => {
    const source = new EventSource(`/simulator/inbox/events?after=${encodeURIComponent(last)}`);
    source.addEventListener("open", live);
    source.addEventListener("error", () => {
      lost();
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source.close();
      setTimeout(open, RETRY_MS);
    });
    source.addEventListener("state", (e: MessageEvent<string>) => {
      const { epoch } = JSON.parse(e.data) as { epoch: string };
      if (epoch !== page.main().dataset["epoch"]) void page.refresh();
    });
    source.addEventListener("message", (e: MessageEvent<string>) => {
      const m = JSON.parse(e.data) as Message;
      last = m.id;
      if (m.direction !== "inbound") say(sentence(m));
      void page.refresh();
    });
  };
  open();
}

function sentence(m: Message): string {
  const what = m.channel === "email" ? "New e-mail to" : m.channel === "voice" ? "New call to" : "New text to";
  return `${what} ${m.to}: ${m.subject ?? m.text}`;
}

function state(name: string, word: string, notice: string): void {
  const live = document.getElementById("live");
  const text = live?.querySelector(".live-text");
  if (live) live.dataset["state"] = name;
  if (text) text.textContent = word;
  const toast = document.getElementById("lost");
  if (toast) toast.dataset["shown"] = notice ? "yes" : "no";
  const toastText = document.getElementById("lost-text");
  if (toastText) toastText.textContent = notice;
}
