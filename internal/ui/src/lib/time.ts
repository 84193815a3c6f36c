/** Times in the reader's own zone, and the countdown of codes. The server wrote them in its own zone. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function localise(root: ParentNode): void {
  for (const t of root.querySelectorAll<HTMLTimeElement>("time[data-clock]")) {
    const at = new Date(t.dateTime);
    if (!Number.isNaN(at.getTime())) setText(t, clock.format(at));
  }
}

export function countDown(root: ParentNode): void {
  for (const t of root.querySelectorAll<HTMLTimeElement>("time[data-expires]")) {
    const left = Math.ceil((new Date(t.dateTime).getTime() - Date.now()) / 1000);
    if (Number.isNaN(left)) continue;
    setText(t, left > 0 ? `expires in ${span(left)}` : "expired");
    t.toggleAttribute("data-dead", left <= 0);
  }
  for (const t of root.querySelectorAll<HTMLTimeElement>("time[data-now]")) {
    const now = new Date();
    setText(t, clock.format(now));
    t.dateTime = now.toISOString();
  }
}

function span(seconds: number): string {
  const h = Math.floor(seconds / 3600);
  if (h >= 1) return `${h} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function setText(e: Element, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}
