import { symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { devicesOf, eventsOf, PUSH_JOB, trackSites, writeRandom } from "./site.ts";

const newSite = trackSites(1024);

test("the content is the same on both sides, however it is stored; and is found to differ", async () => {
  const site = await newSite();
  // the receiver compresses, and has smaller metadata; the sender does not
  await zfs("set", "compression=zstd", "redundant_metadata=most", site.rootFs);
  await zfs("create", "-o", "recordsize=1M", site.fs("files"));
  await zfs("create", "-o", "xattr=sa", "-o", "acltype=posix", site.fs("odd"));
  await zfs("create", "-V", "8M", site.fs("vol"));
  const files = site.mountpoint("files");
  await writeRandom(join(files, "large"), 3000);
  writeFileSync(join(files, "zeros"), Buffer.alloc(4 << 20)); // without compression they are written
  writeFileSync(join(files, "text"), "the same line\n".repeat(100_000));
  const odd = site.mountpoint("odd");
  for (let i = 0; i < 300; i++) writeFileSync(join(odd, `small ${i}`), String(i));
  symlinkSync("x".repeat(200), join(odd, "link"));
  truncateSync(join(odd, "small 1"), 5 << 20);
  await execa("setfattr", ["-n", "user.x", "-v", "y".repeat(500), join(odd, "small 2")]).catch(() => undefined);
  const [device = ""] = await devicesOf([site.fs("vol")]);
  await writeRandom(device, 3000);
  for (const name of ["files", "odd", "vol"]) await zfs("snapshot", `${site.fs(name)}@one`);
  await site.succeed(["push", PUSH_JOB]);
  for (let i = 0; i < 300; i += 2) writeFileSync(join(odd, `small ${i}`), "z".repeat(i));
  await writeRandom(join(files, "large"), 700);
  truncateSync(join(files, "text"), 1000);
  for (const name of ["files", "odd", "vol"]) await zfs("snapshot", `${site.fs(name)}@two`);
  await site.succeed(["push", PUSH_JOB]);

  const ended = await site.run(["verify", PUSH_JOB, "--data", "--sample", "100%"]);
  const verified = eventsOf(ended, "verified");
  expect(verified.flatMap(({ problems, unknown }) => [...problems, ...unknown])).toEqual([]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(verified.map(({ filesystem, contents }) => [filesystem, contents])).toEqual(
    ["files", "odd", "vol"].map((name) => [site.fs(name), ["one", "two"]]),
  );

  // somebody rebuilt a replica: names are the same
  await zfs("rollback", "-r", `${site.fs("vol")}@one`);
  await writeRandom(device, 1);
  await zfs("snapshot", `${site.fs("vol")}@two`);
  const other = await site.run(["verify", PUSH_JOB, "--data", "--filesystem", site.fs("vol")]);
  expect(other.exitCode).toBe(3);
  expect(eventsOf(other, "verified")[0]?.problems.join()).toContain("@two is not the same on both sides: guid");
});

test("what was sent encrypted is compared as it is on disk, without a key", async () => {
  const site = await newSite({ push: { send: { encrypted: true } } });
  const key = join(site.src.dir, "key");
  writeFileSync(key, Buffer.alloc(32, 7));
  const encryption = ["-o", "encryption=on", "-o", "keyformat=raw", "-o", `keylocation=file://${key}`];
  await zfs("create", ...encryption, "-o", "compression=lz4", site.fs("e"));
  await writeRandom(join(site.mountpoint("e"), "large"), 2000);
  for (let i = 0; i < 100; i++) writeFileSync(join(site.mountpoint("e"), `small ${i}`), "text ".repeat(i));
  await zfs("snapshot", `${site.fs("e")}@one`);
  await site.succeed(["push", PUSH_JOB]);
  await zfs("unmount", site.fs("e"));
  await zfs("unload-key", site.fs("e"));
  const ended = await site.run(["verify", PUSH_JOB, "--data"]);
  expect(eventsOf(ended, "verified")).toMatchObject([{ contents: ["one"], problems: [], unknown: [] }]);
  expect(ended.exitCode, ended.stderr).toBe(0);
});
