import { isKeyAvailable } from "./encryption.ts";
import { compareText, type FoundSnapshot } from "./lookup.ts";
import { isWithin, parentName, poolOf, splitName } from "./names.ts";
import type { Options } from "./options.ts";
import { CommandFailure, fail } from "./result.ts";
import { describeSend, finish, type SendOutcome } from "./send-report.ts";
import { buildSubstream, substreamBytes } from "./stream.ts";
import { decodeToken, describeToken, type TokenContents } from "./token.ts";
import { usage } from "./usage.ts";
import type { Bookmark, Pool, Snapshot, World } from "./world.ts";

const CANNOT = "cannot resume send";
/** The program returns -1 here. */
const EXIT = 255;

/** Looks near the name first, then in ever larger parts of the pool (guid_to_name). */
function byGuid<T>(
  pool: Pool | undefined,
  name: string,
  match: (dataset: Pool["datasets"][string]) => T | undefined,
): T | undefined {
  for (let root: string | undefined = splitName(name).fs; root !== undefined; root = parentName(root))
    for (const dataset of Object.values(pool?.datasets ?? {}).sort((a, b) => compareText(a.name, b.name))) {
      const found = isWithin(dataset.name, root) ? match(dataset) : undefined;
      if (found !== undefined) return found;
    }
  return undefined;
}

function findTo(world: World, token: TokenContents): FoundSnapshot {
  const pool = world.pools[poolOf(token.toname)];
  const found = byGuid(pool, token.toname, (dataset) => {
    const snapshot = dataset.snapshots.find((candidate) => candidate.guid === token.toguid);
    return pool && snapshot && { pool, dataset, snapshot };
  });
  if (found !== undefined) return found;
  const { fs, tail } = splitName(token.toname);
  const isOther = pool?.datasets[fs]?.snapshots.some((snapshot) => snapshot.name === tail) ?? false;
  const problem = isOther ? "is no longer the same snapshot used in" : "used in";
  return fail(`${CANNOT}: '${token.toname}' ${problem} the initial send${isOther ? "" : " no longer exists"}`, EXIT);
}

function findFrom(to: FoundSnapshot, token: TokenContents): { name: string; version: Snapshot | Bookmark } | null {
  const { fromguid } = token;
  if (fromguid === null) return null;
  const found = byGuid(to.pool, token.toname, (dataset) => {
    const snapshot = dataset.snapshots.find((candidate) => candidate.guid === fromguid);
    const bookmark = snapshot ? undefined : dataset.bookmarks.find((candidate) => candidate.guid === fromguid);
    const version = snapshot ?? bookmark;
    return version && { name: `${dataset.name}${snapshot ? "@" : "#"}${version.name}`, version };
  });
  return found ?? fail(`${CANNOT}: incremental source 0x${BigInt(fromguid).toString(16)} no longer exists`, EXIT);
}

function send(world: World, token: TokenContents, options: Options): SendOutcome {
  const to = findTo(world, token);
  const from = findFrom(to, token);
  if (token.object < 0) fail(`${CANNOT}: resume token is corrupt`, EXIT);
  if (to.dataset.encryption && !token.rawok && !options.flags.has("n") && !isKeyAvailable(to.pool, to.dataset))
    fail(`warning: cannot send '${token.toname}': dataset key must be loaded`);
  const flags = {
    raw: token.rawok,
    embed: token.embedok,
    compressed: token.compressok,
    largeBlocks: token.largeblockok,
  };
  const records = resumeRecord(token, to, from?.version ?? null);
  const resume = { object: token.object, offset: token.offset, records };
  const substream = buildSubstream(to.dataset, to.snapshot, from?.version ?? null, flags, { resume });
  const item = { to: to.snapshot, from: from?.version ?? null, fromName: from?.name ?? null, isClone: false };
  const report = describeSend(to.dataset.name, [item], [substreamBytes(substream)], options);
  return finish({ substreams: [substream], compound: null }, report, "", options);
}

/** Number of the first record at or after the token's object and offset, as the kernel resumes its traversal. */
function resumeRecord(token: TokenContents, to: FoundSnapshot, from: Snapshot | Bookmark | null): number {
  const flags = { raw: token.rawok, embed: false, compressed: false, largeBlocks: false };
  const { records } = buildSubstream(to.dataset, to.snapshot, from, flags);
  const index = records.findIndex(
    ({ object, offset }) => object > token.object || (object === token.object && offset >= token.offset),
  );
  return index < 0 ? records.length : index;
}

/** `zfs send [-nvPe] -t TOKEN` */
export function resumeSend(world: World, text: string, options: Options): SendOutcome {
  if (["i", "I", "R", "p", "b", "d", "h"].some((flag) => options.flags.has(flag)))
    fail(`invalid flags combined with -t\n${usage("zfs send")}`, 2);
  if (options.operands.length > 0) fail(`too many arguments\n${usage("zfs send")}`, 2);
  const token = decodeToken(text);
  if ("problem" in token) fail(`${CANNOT}: resume token is corrupt (${token.problem})`, EXIT);
  const contents = options.flags.has("v") ? describeToken(token) : "";
  const dryRun = options.flags.has("n");
  try {
    const outcome = send(world, token, options);
    return dryRun
      ? { ...outcome, stdout: contents + outcome.stdout }
      : { ...outcome, stderr: contents + outcome.stderr };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const { stderr, exitCode } = error;
    return { stdout: dryRun ? contents : "", stderr: dryRun ? stderr : contents + stderr, exitCode, stream: null };
  }
}
