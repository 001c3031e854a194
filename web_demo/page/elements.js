// Elements of the page and figures in them.

// Returns an element with a class and children (elements or text).
export function element(kind, className = "", ...children) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// Returns one decimal, or a dash for what was not read.
export function figure(value) {
  return Number.isFinite(value) ? (Math.round(value * 10) / 10 + 0).toFixed(1) : "–";
}

// Returns minutes and seconds, e.g. 1:05.
export function clock(seconds) {
  const whole = Math.floor(Number.isFinite(seconds) ? seconds : 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// Returns the value of a style variable of the page, e.g. of --accent.
export function styleOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Sizes a canvas for the screen's pixels and returns its context in CSS px.
export function fitted(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.setTransform(wide / width, 0, 0, high / height, 0, 0);
  return context;
}

// Offers a Blob as a download.
export function download(blob, name) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Remembers the choice of light or dark; without one the system's holds.
export function themeSwitch(button, onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colors`);
    onChange();
  };
  const saved = stored((storage) => storage.getItem("theme"));
  if (saved) root.dataset.theme = saved;
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored((storage) => storage.setItem("theme", root.dataset.theme));
    show();
  };
  system.addEventListener("change", show);
  show();
}

// Returns what `act` does with the storage; null where the browser blocks it.
function stored(act) {
  try {
    return act(localStorage);
  } catch {
    return null;
  }
}
