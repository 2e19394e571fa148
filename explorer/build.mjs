// Bundles src/main.js and copies the template and the style into the package, or into the folder given as argument.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = process.argv[2] ?? here("../src/aae/explorer/static");

await mkdir(out, { recursive: true });
await build({
  entryPoints: [here("src/main.js")],
  outfile: `${out}/explorer.js`,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome109", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "none",
});
await build({ entryPoints: [here("src/style.css")], outfile: `${out}/style.css`, minify: true, target: ["chrome109", "firefox115"] });
await copyFile(here("template.html"), `${out}/template.html`);
