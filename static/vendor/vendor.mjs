// Copies what the portal uses from node_modules to static/vendor, and builds the icon sprite.
//
//   npm ci && node static/vendor/vendor.mjs            renew the files
//   npm ci && node static/vendor/vendor.mjs --check    compare only; exits 1 and names each file that differs
//
// Source maps are not vendored, so comments that point to one are stripped: Django's manifest storage would look for them.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const modules = join(root, "node_modules");
const check = process.argv.includes("--check");

const COPIES = [
  ["htmx.org/dist/htmx.min.js", "static/vendor/htmx/htmx.min.js"],
  ["htmx.org/LICENSE", "static/vendor/htmx/LICENSE"],
  ["@fontsource-variable/inter/files/inter-latin-opsz-normal.woff2", "static/vendor/inter/inter-latin.woff2"],
  ["@fontsource-variable/inter/files/inter-latin-ext-opsz-normal.woff2", "static/vendor/inter/inter-latin-ext.woff2"],
  ["@fontsource-variable/inter/LICENSE", "static/vendor/inter/LICENSE"],
  ["@fontsource-variable/geist-mono/files/geist-mono-latin-wght-normal.woff2", "static/vendor/geist-mono/geist-mono-latin.woff2"],
  ["@fontsource-variable/geist-mono/LICENSE", "static/vendor/geist-mono/LICENSE"],
  ["@tabler/icons/LICENSE", "static/vendor/tabler-icons/LICENSE"],
  ["axe-core/axe.min.js", "tests/browser/axe.min.js"],
];

// Our name -> the name in @tabler/icons (outline). Templates only know the left side.
const ICONS = {
  "activity": "activity",
  "alert": "alert-triangle",
  "api": "api",
  "application": "apps",
  "arrow-down": "arrow-narrow-down",
  "arrow-left": "arrow-left",
  "arrow-right": "arrow-right",
  "arrow-up": "arrow-narrow-up",
  "audit": "clipboard-check",
  "authorization": "lock-check",
  "bank": "building-bank",
  "box": "box",
  "calendar": "calendar",
  "card": "credit-card",
  "check": "check",
  "check-circle": "circle-check",
  "chevron-down": "chevron-down",
  "chevron-left": "chevron-left",
  "chevron-right": "chevron-right",
  "clock": "clock",
  "close": "x",
  "cross-circle": "circle-x",
  "copy": "copy",
  "device": "device-mobile",
  "dispute": "gavel",
  "download": "download",
  "edit": "pencil",
  "external": "external-link",
  "eye": "eye",
  "eye-off": "eye-off",
  "fee": "percentage",
  "file": "file-text",
  "filter": "adjustments-horizontal",
  "help": "help-circle",
  "home": "home",
  "identity": "id",
  "inbox": "inbox",
  "info": "info-circle",
  "key": "key",
  "link": "link",
  "list": "list-details",
  "lock": "lock",
  "menu": "menu-2",
  "merchant": "building-store",
  "message": "message",
  "minus": "minus",
  "minus-circle": "circle-minus",
  "more": "dots",
  "note": "note",
  "pause": "player-pause",
  "plus": "plus",
  "print": "printer",
  "profile": "adjustments",
  "refresh": "refresh",
  "report": "report-analytics",
  "review": "checklist",
  "search": "search",
  "settings": "settings",
  "settlement": "cash",
  "shield": "shield-check",
  "sign-out": "logout",
  "sort": "selector",
  "terminal": "terminal-2",
  "theme-dark": "moon",
  "theme-light": "sun",
  "theme-system": "device-desktop",
  "transfer": "arrows-exchange",
  "trash": "trash",
  "undo": "rotate",
  "upload": "upload",
  "user": "user",
  "users": "users",
  "webhook": "webhook",
};

async function sprite() {
  const symbols = await Promise.all(
    Object.entries(ICONS).map(async ([name, source]) => {
      const svg = await readFile(join(modules, "@tabler/icons/icons/outline", `${source}.svg`), "utf8");
      const shapes = [...svg.matchAll(/<(?:path|circle|rect|line|polyline)\b[^>]*\/>/g)]
        .map(([shape]) => shape.replace(/\s+/g, " ").replace(" />", "/>"))
        .filter((shape) => !shape.includes('stroke="none"'));
      return `  <symbol id="${name}" viewBox="0 0 24 24">${shapes.join("")}</symbol>\n`;
    }),
  );
  return (
    '<svg xmlns="http://www.w3.org/2000/svg">\n' +
    "  <!-- Built by static/vendor/vendor.mjs from @tabler/icons, MIT licence: static/vendor/tabler-icons/LICENSE -->\n" +
    `${symbols.join("")}</svg>\n`
  );
}

function withoutSourceMap(bytes, name) {
  if (!/\.(js|css)$/.test(name)) return bytes;
  return Buffer.from(bytes.toString("utf8").replace(/\n?\/[/*]# sourceMappingURL=[^\n*]*(\*\/)?/g, ""));
}

const wanted = [["static/portal/icons.svg", Buffer.from(await sprite())]];
for (const [source, target] of COPIES) {
  wanted.push([target, withoutSourceMap(await readFile(join(modules, source)), target)]);
}

let different = 0;
for (const [target, bytes] of wanted) {
  const path = join(root, target);
  const present = await readFile(path).catch(() => null);
  if (present !== null && present.equals(bytes)) continue;
  different += 1;
  console.log(`${check ? "differs" : "written"}  ${target}`);
  if (!check) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}
if (check && different > 0) process.exit(1);
