/** What the tests that kill at random times have in common: data that changes, and what must hold whatever was killed. */
import { execa } from "execa";
import { expect } from "vitest";
import type { Random } from "../random.ts";
import { zfs } from "./pool.ts";
import { holdsBelow, lines, type Site } from "./site.ts";

/** Another run with the same seed does the same, as far as timing allows. */
export const SEED = Number(process.env["ZREPL_RUN_SEED"] ?? Date.now() % 1_000_000);

export const FILESYSTEMS = ["a", "a/b c", "d"];

/** Whose names the bookmarks and holds of each side carry. */
export interface JobNames {
  readonly sender: string;
  readonly receiver: string;
}

export async function takeSnapshots(site: Site, random: Random): Promise<void> {
  const name = `${Date.now()}-${random.below(1_000_000)}`;
  for (const filesystem of FILESYSTEMS.filter(() => random.chance(0.5)))
    await site.write(filesystem, `file ${random.below(5)}`, 1 + random.below(random.chance(0.3) ? 4096 : 64));
  const chosen = FILESYSTEMS.filter(() => random.chance(0.7));
  if (chosen.length > 0) await zfs("snapshot", ...chosen.map((filesystem) => `${site.fs(filesystem)}@${name}`));
}

export async function killHard(pids: readonly number[]): Promise<void> {
  await execa("kill", ["-9", ...pids.map(String)], { reject: false });
}

interface Version {
  readonly name: string;
  readonly guid: string;
}

/** All snapshots and bookmarks below both roots by filesystem, oldest first. */
async function versionsOf(site: Site): Promise<Map<string, Version[]>> {
  const types = ["-t", "snapshot,bookmark", "-s", "createtxg"];
  const listing = await zfs("list", "-Hp", "-r", ...types, "-o", "name,guid", site.srcRoot, site.dstRoot);
  const versions = new Map<string, Version[]>();
  for (const line of lines(listing)) {
    const [path = "", guid = ""] = line.split("\t");
    const at = path.search(/[@#]/);
    const filesystem = path.slice(0, at);
    versions.set(filesystem, [...(versions.get(filesystem) ?? []), { name: path.slice(at), guid }]);
  }
  return versions;
}

function snapshots(versions: readonly Version[] | undefined): Version[] {
  return (versions ?? []).filter(({ name }) => name.startsWith("@"));
}

/** The receiver's newest snapshot is on the sender, as a snapshot or a bookmark, at any moment. */
export async function everyReplicaHasABase(site: Site): Promise<void> {
  const versions = await versionsOf(site);
  for (const filesystem of FILESYSTEMS) {
    const newest = snapshots(versions.get(site.replica(filesystem))).at(-1);
    const onSender = (versions.get(site.fs(filesystem)) ?? []).map(({ guid }) => guid);
    if (newest !== undefined) expect(onSender).toContain(newest.guid);
  }
}

export async function everythingIsReplicatedAndTidy(site: Site, jobs: JobNames): Promise<void> {
  const versions = await versionsOf(site);
  const replicated = FILESYSTEMS.filter((filesystem) => snapshots(versions.get(site.fs(filesystem))).length > 0);
  for (const filesystem of replicated) {
    const newest = snapshots(versions.get(site.fs(filesystem))).at(-1);
    expect(snapshots(versions.get(site.replica(filesystem))).at(-1)).toEqual(newest);
    const guid = BigInt(newest?.guid ?? 0)
      .toString(16)
      .padStart(16, "0");
    const bookmarks = (versions.get(site.fs(filesystem)) ?? []).filter(({ name }) => name.startsWith("#"));
    expect(bookmarks.map(({ name }) => name)).toEqual([`#zrepl_CURSOR_G_${guid}_J_${jobs.sender}`]);
  }
  const tokens = await zfs("list", "-H", "-r", "-t", "filesystem", "-o", "receive_resume_token", site.dstRoot);
  expect(new Set(lines(tokens))).toEqual(new Set(["-"]));
  expect(await holdsBelow(site.srcRoot)).toEqual([]);
  const held = (await holdsBelow(site.dstRoot)).map((line) => line.replace(/^.*: /, ""));
  expect(held).toEqual(replicated.map(() => `zrepl_last_received_J_${jobs.receiver}`));
}

/** Users prune: all but the newest snapshot on both sides may go now and then. */
export async function thinOut(site: Site): Promise<void> {
  for (const [filesystem, versions] of await versionsOf(site)) {
    const names = snapshots(versions)
      .slice(0, -1)
      .map(({ name }) => name.slice(1));
    if (names.length > 0) await zfs("destroy", `${filesystem}@${names.join(",")}`);
  }
}
