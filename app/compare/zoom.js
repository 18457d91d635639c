// Zoom and position of all views, and where pointers are in one.

const LARGEST_ZOOM = 16;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Zoom and position: picture pixel = (screen pixel - offset) / zoom, offsets as a share of the view's size. */
class Lens {
  zoom = 1;
  x = 0;
  y = 0;

  /** Zoom by `factor` so that the point (x, y), as shares of the view, stays where it is. */
  zoomAt(factor, x, y) {
    const zoom = clamp(this.zoom * factor, 1, LARGEST_ZOOM);
    this.x = x - ((x - this.x) * zoom) / this.zoom;
    this.y = y - ((y - this.y) * zoom) / this.zoom;
    this.zoom = zoom;
    this.move(0, 0);
  }

  /** Move by shares of the view, never past the picture's edge. */
  move(dx, dy) {
    this.x = clamp(this.x + dx, 1 - this.zoom, 0);
    this.y = clamp(this.y + dy, 1 - this.zoom, 0);
  }
}

/** Where a pointer is, as shares of the view's width and height. */
function place(event, view) {
  const box = view.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

/** Pixels between two places in the pointer's view. */
function distance({ view }, [x, y], [otherX, otherY]) {
  return Math.hypot((x - otherX) * view.clientWidth, (y - otherY) * view.clientHeight);
}
