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

/**
 * The channel programs that a script with one of these first lines stands for.
 * Arguments: full names; for bookmarks `SNAPSHOT<tab>BOOKMARK`. They return errno by argument.
 */
export const STANDARD_PROGRAMS: ProgramRegistry = {
  "-- zrepl-run: snapshot": (api, args) => each(args, (name) => api.snapshot(name)),
  "-- zrepl-run: destroy": (api, args) => each(args, (name) => api.destroy(name)),
  "-- zrepl-run: bookmark": (api, args) => each(args, (arg) => bookmark(api, arg)),
};
