/** What was seen, by phone: the id of its last message. Ids grow, so an unread phone has a greater one. */

const KEY = "countersign.seen";
/** More phones than this are not remembered. */
const MOST = 300;

type Seen = Record<string, string>;

function load(): Seen {
  try {
    const raw: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return raw && typeof raw === "object" ? (raw as Seen) : {};
  } catch {
    return {};
  }
}

function save(seen: Seen): void {
  const kept = Object.entries(seen)
    .sort(([, a], [, b]) => (a < b ? 1 : -1))
    .slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(kept)));
  } catch {
    // Storage is refused: dots come back with the next visit.
  }
}

export function markUnread(): void {
  const seen = load();
  const title = document.title.replace(/^\(\d+\) /, "");
  const stage = document.getElementById("stage");
  const looking = document.visibilityState === "visible" && stage?.checkVisibility() === true;
  let unread = 0;
  for (const row of document.querySelectorAll<HTMLElement>("#rows .row")) {
    const { party = "", last = "" } = row.dataset;
    if (looking && row.hasAttribute("aria-current") && last > (seen[party] ?? "")) {
      seen[party] = last;
      save(seen);
    }
    const isNew = last > (seen[party] ?? "");
    row.toggleAttribute("data-unread", isNew);
    if (isNew) unread++;
  }
  document.title = unread > 0 ? `(${unread}) ${title}` : title;
}
