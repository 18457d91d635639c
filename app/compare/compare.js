// Two pictures under a divider, or all in a grid. One zoom and one position for all of them (zoom.js, which Python puts
// before this), kept while pictures change.

const STEP = 1.25;
const SHARP_FROM = 3; // from this zoom on single pixels are shown as squares
const players = new WeakMap(); // by the element that Streamlit gives: it stays, `data` changes

class Compare {
  lens = new Lens();
  split = 0.5; // where the divider is, as a share of the width
  widest = 0;
  pointers = new Map();

  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`.${name}`);
    this.views = this.find("views");
    const on = (name, event, handler) => this.find(name).addEventListener(event, handler);
    on("a", "change", (event) => this.choose("first", event.target.value));
    on("b", "change", (event) => this.choose("second", event.target.value));
    on("mode", "click", () => this.toggle());
    on("in", "click", () => this.zoom(STEP));
    on("out", "click", () => this.zoom(1 / STEP));
    on("fit", "click", () => this.zoom(0));
    this.views.addEventListener("keydown", (event) => this.pressed(event));
    this.views.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.views.addEventListener("pointerdown", (event) => this.down(event));
    this.views.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.views.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  /** Take what Python sent. The viewer's own choices stay as long as they exist. */
  update(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    const titles = data.pictures.map((picture) => picture.title);
    this.pictures = data.pictures;
    this.rows = data.rows;
    this.widest = 0;
    if (!titles.includes(this.first)) this.first = data.first;
    if (!titles.includes(this.second)) this.second = data.second;
    this.grid ??= data.grid;
    this.find("compare").classList.toggle("bare", data.bare);
    for (const [name, chosen] of [["a", this.first], ["b", this.second]]) {
      this.find(name).replaceChildren(...titles.map((title) => new Option(title, title, false, title === chosen)));
    }
    this.build();
  }

  choose(which, title) {
    this[which] = title;
    this.build();
  }

  toggle() {
    this.grid = !this.grid;
    this.build();
  }

  build() {
    this.views.classList.toggle("grid", this.grid);
    this.find("mode").setAttribute("aria-pressed", String(this.grid));
    for (const pick of this.root.querySelectorAll(".pick")) pick.hidden = this.grid;
    const named = (title) => this.pictures.find((picture) => picture.title === title);
    const columns = this.grid ? Math.max(0, ...this.rows.map((row) => row.length)) : 0;
    this.views.classList.toggle("table", columns > 0);
    this.views.style.setProperty("--columns", columns);
    const filled = (row) => Array.from({ length: columns }, (_, column) => named(row[column]));
    const pictures = columns ? this.rows.flatMap(filled) : this.pictures;
    const groups = this.grid
      ? pictures.map((picture) => (picture ? [picture] : []))
      : [[named(this.second), named(this.first)]]; // B lies below, A over its left part
    this.views.replaceChildren(...groups.map((group) => (group.length ? this.view(group) : element("div", "gap"))));
    this.draw();
  }

  view(group) {
    const view = element("figure", "view");
    group.forEach((picture, index) => {
      const onTop = index === 1;
      const image = element("img");
      const layer = element("div", onTop ? "layer over" : "layer");
      const name = element("figcaption", `name ${onTop || group.length === 1 ? "left" : "right"}`);
      name.textContent = picture.title;
      image.alt = picture.title;
      image.draggable = false;
      image.onload = () => this.shape(image);
      image.onerror = () => name.classList.add("broken");
      image.src = picture.url;
      layer.append(image);
      view.append(layer, name);
    });
    if (group.length === 2) view.append(this.divider());
    return view;
  }

  /** All views take the shape of the widest picture. */
  shape({ naturalWidth: width, naturalHeight: height }) {
    if (width < this.widest) return;
    this.widest = width;
    this.views.style.setProperty("--aspect", width / height);
  }

  divider() {
    const divider = element("div", "divider");
    divider.tabIndex = 0;
    divider.setAttribute("role", "slider");
    divider.setAttribute("aria-label", "Divider between the pictures A and B");
    divider.setAttribute("aria-valuemin", "0");
    divider.setAttribute("aria-valuemax", "100");
    return divider;
  }

  draw() {
    const { zoom, x, y } = this.lens;
    for (const image of this.views.querySelectorAll("img")) {
      image.style.transform = `translate(${x * 100}%, ${y * 100}%) scale(${zoom})`;
    }
    this.views.classList.toggle("zoomed", zoom > 1);
    this.views.classList.toggle("sharp", zoom >= SHARP_FROM);
    this.find("zoom").textContent = `${zoom < 10 ? Number(zoom.toFixed(1)) : Math.round(zoom)}×`;
    const over = this.find("over");
    if (!over) return;
    const percent = Math.round(this.split * 1000) / 10;
    over.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    this.find("divider").style.left = `${percent}%`;
    this.find("divider").setAttribute("aria-valuenow", String(Math.round(percent)));
  }

  /** Zoom about the middle; 0 shows the whole picture. */
  zoom(factor) {
    this.lens.zoomAt(factor || 1 / LARGEST_ZOOM, 0.5, 0.5);
    this.draw();
  }

  pressed(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 0 };
    const onDivider = event.target.classList.contains("divider");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in zooms) this.zoom(zooms[event.key]);
    else if (onDivider && event.key === "Home") this.split = 0;
    else if (onDivider && event.key === "End") this.split = 1;
    else if (onDivider && arrows[event.key]?.[0]) {
      this.split = clamp(this.split + arrows[event.key][0] * (event.shiftKey ? 0.1 : 0.02), 0, 1);
    } else if (arrows[event.key] && this.lens.zoom > 1) {
      const [dx, dy] = arrows[event.key];
      this.lens.move(-dx * 0.1, -dy * 0.1);
    } else return;
    event.preventDefault();
    this.draw();
  }

  /** Without Ctrl the wheel scrolls the page, as everywhere; a touchpad's pinch arrives as Ctrl and wheel. */
  wheel(event) {
    const view = event.target.closest(".view");
    if (!view || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const [x, y] = place(event, view);
    this.lens.zoomAt(Math.exp(-clamp(event.deltaY, -100, 100) / 250), x, y);
    this.draw();
  }

  down(event) {
    const view = event.target.closest(".view");
    if (!view || event.button > 0) return;
    const grabbed = event.target.classList.contains("divider") ? "divider" : "picture";
    this.pointers.set(event.pointerId, { view, grabbed, at: place(event, view) });
    view.setPointerCapture(event.pointerId);
  }

  moved(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const before = pointer.at;
    const other = [...this.pointers.values()].find((each) => each !== pointer && each.view === pointer.view);
    pointer.at = place(event, pointer.view);
    if (pointer.grabbed === "divider") this.split = clamp(pointer.at[0], 0, 1);
    else if (other) {
      const factor = distance(pointer, pointer.at, other.at) / Math.max(1, distance(pointer, before, other.at));
      this.lens.zoomAt(factor, (pointer.at[0] + other.at[0]) / 2, (pointer.at[1] + other.at[1]) / 2);
    } else this.lens.move(pointer.at[0] - before[0], pointer.at[1] - before[1]);
    this.draw();
  }
}

function element(tag, className = "") {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

export default function ({ data, parentElement }) {
  if (!players.has(parentElement)) players.set(parentElement, new Compare(parentElement));
  players.get(parentElement).update(data);
}
