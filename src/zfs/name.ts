/** Name checks as OpenZFS and zrepl do them (zrepl-behaviour.md §3.2, table §10.4). All return a problem or undefined. */

const MAX_NAME_LENGTH = 255;
const COMPONENT = /^[0-9a-zA-Z\-_.: ]+$/;

/** What is wrong with one path component, snapshot name or bookmark name. */
export function componentProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} bytes`;
  if (name === "." || name === "..") return `is ${JSON.stringify(name)}`;
  if (!COMPONENT.test(name)) return "contains a character other than letters, digits, blank and - _ . :";
  return undefined;
}

/** What is wrong with the full name of a filesystem or volume. */
export function filesystemNameProblem(path: string): string | undefined {
  return path.includes("@") || path.includes("#") ? "contains @ or #" : pathProblem(path);
}

/** What is wrong with the full name of a snapshot, `fs@name`. */
export function snapshotNameProblem(path: string): string | undefined {
  return versionNameProblem(path, "@", "#");
}

/** What is wrong with the full name of a bookmark, `fs#name`. */
export function bookmarkNameProblem(path: string): string | undefined {
  return versionNameProblem(path, "#", "@");
}

function versionNameProblem(path: string, delimiter: string, other: string): string | undefined {
  if (path.includes(other)) return `contains ${other}`;
  const parts = path.split(delimiter);
  if (parts.length !== 2) return `must contain exactly one ${delimiter}`;
  if (path.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} bytes`;
  const [filesystem = "", name = ""] = parts;
  return pathProblem(filesystem) ?? componentProblem(name);
}

function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} bytes`;
  for (const component of path.split("/")) {
    const problem = componentProblem(component);
    if (problem !== undefined) return `has a component that ${problem}`;
  }
  return undefined;
}

/** The pool that a dataset, snapshot or bookmark lives in. */
export function poolOf(path: string): string {
  return path.split(/[/@#]/, 1)[0] ?? path;
}

/** All proper ancestors of a filesystem, the pool first: `a/b/c` → `a`, `a/b`. */
export function ancestorsOf(filesystem: string): string[] {
  const parts = filesystem.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** Order in which `/` comes before everything else, so that a parent's whole subtree follows it. */
export function comparePaths(a: string, b: string): number {
  const [left, right] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Sorted by `comparePaths`; there may be many, so each path is made comparable once. */
export function sortByPath<T>(items: Iterable<T>, pathOf: (item: T) => string): T[] {
  const keyed = Array.from(items, (item) => ({ item, key: pathOf(item).replaceAll("/", "\0") }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ item }) => item);
}

/** `fs@name` → both parts. */
export function splitSnapshot(snapshot: string): [filesystem: string, name: string] {
  const at = snapshot.indexOf("@");
  return [snapshot.slice(0, at), snapshot.slice(at + 1)];
}

/** Whether `filesystem` is strictly below `root`. */
export function isBelow(filesystem: string, root: string): boolean {
  return filesystem.startsWith(`${root}/`);
}
