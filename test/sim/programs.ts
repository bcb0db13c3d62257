import type { ProgramApi, ProgramRegistry } from "./cmd-program.ts";

/** Runs one call per argument and returns the errno of each, by argument. */
function each(args: readonly string[], call: (arg: string) => number): Record<string, number> {
  return Object.fromEntries(args.map((arg) => [arg, call(arg)]));
}

/** `snapshot#bookmark`-style arguments: the snapshot's full name, a space, the bookmark's full name. */
function bookmark(api: ProgramApi, arg: string): number {
  const at = arg.indexOf("\t");
  return api.bookmark(arg.slice(0, at), arg.slice(at + 1));
}

/** What src/zfs/channel-program.ts does: name and `g` with the signed guid in turn; returns what is left, with the reason. */
function destroyGuarded(api: ProgramApi, args: readonly string[]): Record<string, number> {
  const left: Record<string, number> = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i] ?? "";
    const guid = api.guid(name);
    if (guid === undefined) continue;
    const errno = `g${BigInt.asIntN(64, BigInt(guid))}` === args[i + 1] ? api.destroy(name) : -1;
    if (errno !== 0) left[name] = errno;
  }
  return left;
}

/**
 * The channel programs that a script with one of these first lines stands for.
 * Arguments: full names; for bookmarks `SNAPSHOT<tab>BOOKMARK`. They return errno by argument; `guarded destroy`: see there.
 */
export const STANDARD_PROGRAMS: ProgramRegistry = {
  "-- zrepl-run: snapshot": (api, args) => each(args, (name) => api.snapshot(name)),
  "-- zrepl-run: destroy": (api, args) => each(args, (name) => api.destroy(name)),
  "-- zrepl-run: guarded destroy": destroyGuarded,
  "-- zrepl-run: bookmark": (api, args) => each(args, (arg) => bookmark(api, arg)),
};
