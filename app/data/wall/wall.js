// The clips as tiles: a picture and a few words each; a press tells Python which one is to be looked at.

const walls = new WeakMap(); // by the element that Streamlit gives: it stays, `data` changes

function tile(clip, pick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.dataset.clip = clip.name;
  button.setAttribute("aria-pressed", String(clip.chosen));
  button.addEventListener("click", () => pick(clip.name));
  button.append(picture(clip), words(clip));
  return button;
}

function picture({ url }) {
  const element = document.createElement(url ? "img" : "span");
  element.className = url ? "" : "empty";
  if (url) Object.assign(element, { src: url, alt: "" }); // the words below name it
  return element;
}

function words(clip) {
  const element = document.createElement("span");
  element.className = "words";
  for (const [name, text] of [["name", clip.name], ...clip.lines.map((line) => ["", line])]) {
    const line = document.createElement("span");
    line.className = name;
    line.textContent = text;
    element.append(line);
  }
  return element;
}

/** Draw the tiles anew where they changed; the focus stays on the one that had it. */
export default function ({ parentElement, data, setTriggerValue }) {
  const text = JSON.stringify(data);
  if (walls.get(parentElement) === text) return;
  walls.set(parentElement, text);
  const wall = parentElement.querySelector(".wall");
  const focused = wall.contains(parentElement.activeElement ?? document.activeElement)
    ? (parentElement.activeElement ?? document.activeElement).dataset.clip
    : null;
  wall.replaceChildren(...data.clips.map((clip) => tile(clip, (name) => setTriggerValue("picked", name))));
  if (focused) wall.querySelector(`[data-clip="${CSS.escape(focused)}"]`)?.focus();
}
