/**
 * Makes the tree below one element equal to that below another, touching only what differs. Children with data-key are
 * matched by it and moved; others by their place. An element with data-keep keeps its own content and state.
 */
export function morph(from: Element, to: Element): void {
  if (from.hasAttribute("data-keep") && from.getAttribute("data-keep") === to.getAttribute("data-keep")) return;
  attributes(from, to);
  children(from, to);
}

/** Attributes that scripts set on elements which the server rendered without them. */
const OURS = new Set(["data-copied", "data-unread", "style"]);

function attributes(from: Element, to: Element): void {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !OURS.has(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function children(from: Element, to: Element): void {
  const keyed = new Map<string, Element>();
  for (const c of from.children) {
    const key = keyOf(c);
    if (key !== undefined) keyed.set(key, c);
  }
  let at: ChildNode | null = from.firstChild;
  for (const want of [...to.childNodes]) {
    const key = keyOf(want);
    const known = key === undefined ? undefined : keyed.get(key);
    if (known) {
      if (known !== at) from.insertBefore(known, at);
      else at = at.nextSibling;
      morph(known, want as Element);
    } else if (key === undefined && at && keyOf(at) === undefined && sameKind(at, want)) {
      if (at instanceof Element) morph(at, want as Element);
      else if (at.nodeValue !== want.nodeValue) at.nodeValue = want.nodeValue;
      at = at.nextSibling;
    } else {
      from.insertBefore(document.importNode(want, true), at);
    }
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(n: Node): string | undefined {
  return n instanceof Element ? (n.getAttribute("data-key") ?? undefined) : undefined;
}

function sameKind(a: Node, b: Node): boolean {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}
