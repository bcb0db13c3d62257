// npm run package:deb [-- DIR]: a Debian package of what `npm run build` has made, in DIR (default: dist). Only Debian's dpkg-deb is needed.
// The same sources give the same bytes: all times are $SOURCE_DATE_EPOCH, or that of the last commit.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const maintainer = `${process.env.DEBFULLNAME ?? "zrepl-run maintainers"} <${process.env.DEBEMAIL ?? "maintainers@zrepl-run.invalid"}>`;
const dateSec = Number(process.env.SOURCE_DATE_EPOCH ?? git("log", "-1", "--format=%ct") ?? 0);
const target = resolve(process.argv[2] ?? join(root, "dist"));

function git(...args) {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

const tree = mkdtempSync(join(tmpdir(), "zrepl-run-deb-"));
chmodSync(tree, 0o755);
const at = (path) => {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  return join(tree, path);
};
const copy = (from, to) => {
  copyFileSync(join(root, from), at(to));
  chmodSync(join(tree, to), 0o644);
};
/** Without a name and a time in it, as Debian wants it. */
const gzip = (text, to) => writeFileSync(at(to), execFileSync("gzip", ["-n9"], { input: text }));

function program() {
  const home = `usr/share/${name}`;
  copy("bin/zrepl-run.js", `${home}/bin/zrepl-run.js`);
  chmodSync(join(tree, home, "bin/zrepl-run.js"), 0o755);
  const chunks = readdirSync(join(root, "dist")).filter((file) => file.endsWith(".js"));
  for (const file of chunks) copy(`dist/${file}`, `${home}/dist/${file}`);
  for (const file of readdirSync(join(root, "schemas"))) copy(`schemas/${file}`, `${home}/schemas/${file}`);
  // says that the launcher is a module
  writeFileSync(at(`${home}/package.json`), `${JSON.stringify({ name, version, type: "module" })}\n`);
  symlinkSync(`../share/${name}/bin/zrepl-run.js`, at("usr/bin/zrepl-run"));
}

function manuals() {
  for (const page of readdirSync(join(root, "man"))) {
    const section = page.slice(page.lastIndexOf(".") + 1);
    gzip(readFileSync(join(root, "man", page)), `usr/share/man/man${section}/${page}.gz`);
  }
}

function surroundings() {
  for (const unit of readdirSync(join(root, "systemd"))) copy(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  copy("contrib/completion/zrepl-run.bash", "usr/share/bash-completion/completions/zrepl-run");
  copy("contrib/completion/_zrepl-run", "usr/share/zsh/vendor-completions/_zrepl-run");
  copy("contrib/completion/zrepl-run.fish", "usr/share/fish/vendor_completions.d/zrepl-run.fish");
}

function documentation() {
  const doc = `usr/share/doc/${name}`;
  for (const file of readdirSync(join(root, "contrib/examples")))
    copy(`contrib/examples/${file}`, `${doc}/examples/${file}`);
  cpSync(join(root, "docs"), at(`${doc}/docs`), { recursive: true });
  gzip(readFileSync(join(root, "CHANGELOG.md")), `${doc}/CHANGELOG.md.gz`);
  const date = execFileSync("date", ["-uR", "-d", `@${dateSec}`], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  const entry = `  * See CHANGELOG.md.gz for what has changed.\n\n -- ${maintainer}  ${date.trim()}\n`;
  gzip(`${name} (${version}) unstable; urgency=medium\n\n${entry}`, `${doc}/changelog.gz`);
  const licences = readFileSync(join(root, "dist/THIRD_PARTY_LICENSES.txt"), "utf8").replaceAll(
    /^ *Apache License\n *Version 2\.0[\s\S]*?(?=^ *Copyright \d{4})/gm,
    "Licensed under the Apache License, Version 2.0; on Debian systems its text is in\n/usr/share/common-licenses/Apache-2.0.\n",
  );
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  const bundled = `The program is one file, which has these libraries in it:\n\n${licences}`;
  writeFileSync(at(`${doc}/copyright`), `${name} is distributed under these terms:\n\n${own}\n${bundled}`);
}

/** All files below, without the control files. */
function files(dir = ".") {
  return readdirSync(join(tree, dir), { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() ? files(join(dir, entry.name)) : entry.isFile() ? [join(dir, entry.name)] : [],
    )
    .sort();
}

function control() {
  const content = files();
  const sums = content.map(
    (path) =>
      `${createHash("md5")
        .update(readFileSync(join(tree, path)))
        .digest("hex")}  ${path}\n`,
  );
  const kilobytes = content.reduce((sum, path) => sum + Math.ceil(statSync(join(tree, path)).size / 1024), 0);
  writeFileSync(at("DEBIAN/md5sums"), sums.join(""));
  writeFileSync(
    at("DEBIAN/control"),
    `Package: ${name}
Version: ${version}
Architecture: all
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: nodejs (>= 20), zfsutils-linux, openssh-client
Suggests: bash-completion
Section: contrib/admin
Priority: optional
Description: stateless snapshots, replication and pruning of ZFS filesystems
 Compatible with the configuration of zrepl, and with its names on disk.
 .
 A cron line or a systemd timer starts it; it does what is asked for and ends.
 All it knows it reads from ZFS. It can be killed at any moment: the next run
 resumes what was cut off.
`,
  );
}

try {
  program();
  manuals();
  surroundings();
  documentation();
  control();
  execFileSync("chmod", ["-R", "go=rX,u+w", tree]); // whatever the umask was
  mkdirSync(target, { recursive: true });
  const file = join(target, `${name}_${version}_all.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(dateSec) },
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(tree, { recursive: true });
}
