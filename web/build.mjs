// Bundles src/main.ts into the one classic script that ships with the Python package.
//
// The first line of what is built names its sources by their checksum: whoever edits these and forgets to build is told
// by tests/test_bundle.py, which computes the same without Node.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const sources = [...readdirSync(join(here, "src")).filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`)];
sources.push("build.mjs", "package.json", "package-lock.json", "tsconfig.json");

const sum = createHash("sha256");
for (const name of sources.sort()) sum.update(`${name}\0`).update(readFileSync(join(here, name))).update("\0");

await build({
  absWorkingDir: here,
  entryPoints: ["src/main.ts"],
  outfile: "../src/bestiary/atlas/static/atlas.js",
  bundle: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  minifySyntax: true, // names and lines stay: whoever opens the file in a browser can read it
  banner: { js: `/* Built by \`make web\` from web/, sha256 ${sum.digest("hex")}: edit there. */` },
  logLevel: "warning",
});
