import { isKeyAvailable } from "./encryption.ts";
import {
  type FoundSnapshot,
  findBookmark,
  findDataset,
  findSnapshot,
  openDataset,
  snapshotByObject,
} from "./lookup.ts";
import { nameProblem, splitName } from "./names.ts";
import { type Options, parseOptions } from "./options.ts";
import { isPermitted } from "./permissions.ts";
import { CommandFailure, fail } from "./result.ts";
import { describeSend, finish, type SendItem, type SendOutcome } from "./send-report.ts";
import { resumeSend } from "./send-resume.ts";
import { buildSubstream, type SendFlags, type SendStream, substreamBytes } from "./stream.ts";
import { usage } from "./usage.ts";
import type { Bookmark, Snapshot, World } from "./world.ts";

const SPEC = "i:I:RsDpvVnPLeht:cwbdS";

/** The flags that shape a stream. */
export function sendFlags(options: Options): SendFlags {
  const { flags } = options;
  return { raw: flags.has("w"), embed: flags.has("e"), compressed: flags.has("c"), largeBlocks: flags.has("L") };
}

function openTo(world: World, name: string): FoundSnapshot {
  const found = findSnapshot(world, name);
  if (found !== undefined) return found;
  if (findDataset(world, name) !== undefined) fail(`warning: cannot send '${name}': Invalid argument`);
  const problem = nameProblem(name, { fs: true, snapshot: true, bookmark: true });
  return fail(`cannot open '${name}': ${problem ?? "dataset does not exist"}`);
}

interface From {
  readonly name: string;
  readonly version: Snapshot | Bookmark;
  readonly isClone: boolean;
}

/** Full name of the -i or -I argument; `warning` is what the short form without delimiter prints. */
function fromName(text: string, fs: string): { name: string; warning: string } {
  if (text.startsWith("@") || text.startsWith("#")) return { name: fs + text, warning: "" };
  if (/[@#/]/.test(text)) return { name: text, warning: "" };
  return {
    name: `${fs}@${text}`,
    warning:
      "Warning: incremental source didn't specify type, assuming snapshot. Use '@' or '#' prefix to avoid ambiguity.\n",
  };
}

function openFrom(world: World, name: string, to: FoundSnapshot, dryRun: boolean): From {
  const toName = `${to.dataset.name}@${to.snapshot.name}`;
  if (name.includes("#")) {
    const bookmark = findBookmark(world, name);
    if (bookmark === undefined)
      fail(
        `warning: cannot send '${toName}': ${dryRun ? "No such process" : `incremental source (${name}) does not exist`}`,
      );
    if (splitName(name).fs !== to.dataset.name || bookmark.createtxg >= to.snapshot.createtxg)
      notEarlier(toName, dryRun ? "Invalid cross-device link" : undefined);
    return { name, version: bookmark, isClone: false };
  }
  const found = findSnapshot(world, name);
  if (found === undefined) fail(`cannot open '${name}': dataset does not exist`);
  const isOrigin = to.dataset.origin === found.snapshot.object;
  const isSame = found.dataset === to.dataset && found.snapshot.createtxg < to.snapshot.createtxg;
  if (!isSame && !isOrigin) notEarlier(toName);
  return { name, version: found.snapshot, isClone: isOrigin };
}

function notEarlier(toName: string, reason = "not an earlier snapshot from the same fs"): never {
  return fail(`warning: cannot send '${toName}': ${reason}`);
}

/** -I: every snapshot after `from` up to `to`. */
function sequence(world: World, name: string, to: FoundSnapshot): SendItem[] {
  const toName = `${to.dataset.name}@${to.snapshot.name}`;
  const { snapshots } = to.dataset;
  const found = findSnapshot(world, name);
  const origin = to.dataset.origin === null ? undefined : snapshotByObject(to.pool, to.dataset.origin);
  const isOrigin = found !== undefined && origin?.snapshot === found.snapshot;
  const start = isOrigin ? -1 : snapshots.findIndex((snapshot) => `${to.dataset.name}@${snapshot.name}` === name);
  const end = snapshots.indexOf(to.snapshot);
  const problem = start === end ? "is not earlier than it" : "does not exist";
  if (start >= end || (start < 0 && !isOrigin))
    fail(`WARNING: could not send ${toName}:\nincremental source (${name}) ${problem}`);
  return snapshots.slice(start + 1, end + 1).map((snapshot, i) => {
    const from = start + i < 0 ? found?.snapshot : snapshots[start + i];
    return { to: snapshot, from: from ?? null, fromName: from?.name ?? null, isClone: isOrigin && i === 0 };
  });
}

function refuseUnreadable(to: FoundSnapshot, options: Options): void {
  const name = `${to.dataset.name}@${to.snapshot.name}`;
  if (to.dataset.encryption === null || options.flags.has("w")) return;
  if (options.flags.has("p") || options.flags.has("R"))
    fail(
      `cannot send ${name}: encrypted dataset ${to.dataset.name} may not be sent with properties without the raw flag\nwarning: cannot send '${name}': backup failed`,
    );
  if (!options.flags.has("n") && !isKeyAvailable(to.pool, to.dataset))
    fail(`warning: cannot send '${name}': dataset key must be loaded`);
}

function sentProperties(options: Options, to: FoundSnapshot): Record<string, string> | null {
  if (!options.flags.has("p") && !options.flags.has("R")) return null;
  const properties: Record<string, string> = {};
  for (const [name, { local, received }] of Object.entries(to.dataset.props)) {
    const value = local ?? received;
    if (value !== undefined && !/^(keylocation|keyformat|refreservation|reservation|quota)$/.test(name))
      properties[name] = value;
  }
  return properties;
}

function compoundOf(options: Options, to: FoundSnapshot, items: readonly SendItem[]): SendStream["compound"] {
  const properties = sentProperties(options, to);
  if (properties === null && !options.flags.has("I")) return null;
  const snapshotProperties: Record<string, Record<string, string>> = {};
  for (const { to: snapshot } of properties === null ? [] : items) {
    const own = Object.entries(snapshot.props).map(([name, value]) => [name, value.local ?? value.received ?? ""]);
    snapshotProperties[snapshot.name] = Object.fromEntries(own);
  }
  return { properties, snapshotProperties };
}

function single(world: World, options: Options, to: FoundSnapshot): { items: SendItem[]; warning: string } {
  const text = options.values["i"]?.[0];
  if (text === undefined)
    return { items: [{ to: to.snapshot, from: null, fromName: null, isClone: false }], warning: "" };
  const { name, warning } = fromName(text, to.dataset.name);
  const from = openFrom(world, name, to, options.flags.has("n"));
  const item = { to: to.snapshot, from: from.version, fromName: from.name, isClone: from.isClone };
  return { items: [item], warning };
}

/** -I: the start is looked up before the end. */
function several(world: World, text: string, toName: string): { to: FoundSnapshot; items: SendItem[] } {
  const { fs } = splitName(toName);
  const { name } = fromName(text, fs);
  if (name.includes("#")) fail("Error: multiple snapshots cannot be sent from a bookmark.");
  const dataset = openDataset(world, fs);
  const isOrigin = findSnapshot(world, name)?.snapshot.object === dataset.origin;
  if (!isOrigin && splitName(name).fs !== fs)
    fail(`incremental source must be in same filesystem\n${usage("zfs send")}`, 2);
  if (findSnapshot(world, name) === undefined) fail(`cannot open '${name}': dataset does not exist`);
  const to = openTo(world, toName);
  return { to, items: sequence(world, name, to) };
}

interface Plan {
  readonly to: FoundSnapshot;
  readonly items: SendItem[];
  readonly warning: string;
}

function oneOf(world: World, options: Options, name: string): Plan {
  const to = openTo(world, name);
  return { to, ...single(world, options, to) };
}

const manyOf = (world: World, start: string, name: string): Plan => ({ ...several(world, start, name), warning: "" });

function sendNew(world: World, options: Options): SendOutcome {
  const [name] = options.operands;
  if (name === undefined) fail(`missing snapshot argument\n${usage("zfs send")}`, 2);
  if (options.operands.length > 1) fail(`too many arguments\n${usage("zfs send")}`, 2);
  const start = options.values["I"]?.[0];
  const { to, items, warning } = start === undefined ? oneOf(world, options, name) : manyOf(world, start, name);
  if (!isPermitted(world, name, "send")) fail(`warning: cannot send '${name}': permission denied`);
  refuseUnreadable(to, options);
  const flags = sendFlags(options);
  const substreams = items.map((item) =>
    buildSubstream(to.dataset, item.to, item.from, flags, { isClone: item.isClone }),
  );
  const stream: SendStream = { substreams, compound: compoundOf(options, to, items) };
  const sizes = substreams.map(substreamBytes);
  const report = describeSend(to.dataset.name, items, sizes, options);
  return finish(stream, report, warning, options);
}

/** `zfs send …`: never throws for what the program itself would print. */
export function cmdSend(world: World, args: readonly string[]): SendOutcome {
  try {
    const options = parseOptions("zfs send", SPEC, args);
    const token = options.values["t"]?.[0];
    return token === undefined ? sendNew(world, options) : resumeSend(world, token, options);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    // -I goes on to its total after it has found nothing to send
    const total = error.stderr.startsWith("WARNING: could not send") && args.includes("-nvP") ? "size\t0\n" : "";
    return { stdout: total, stderr: error.stderr, exitCode: error.exitCode, stream: null };
  }
}
