import { isAlias, isMap, isScalar, isSeq, type Node, type Scalar, visit, type YAMLMap, type YAMLSeq } from "yaml";
import { shape as root } from "../generated/config-shape.js";
import { pathTo, pointerTo } from "./places.ts";
import { isNullText, parseBoolean, parseInteger, zeroOf } from "./scalar.ts";
import { resolveShape, type Shape, unionMember, withDefaults } from "./shape.ts";
import type { SourceFile } from "./source.ts";

/** A text (or key of a map) that must follow one of the grammars in grammars.ts. */
export interface FormattedText {
  readonly pointer: string;
  readonly format: string;
  readonly text: string;
}

/** The whole document as a plain value, see `coerce`. */
export interface Coerced {
  readonly value: unknown;
  readonly texts: readonly FormattedText[];
}

/** More nodes than any config has: aliases of aliases must not eat the memory. */
const MAX_NODES = 200_000;

interface Position {
  readonly pointer: string;
  readonly path: string;
  readonly keyOffset: number;
}

/**
 * Turns YAML into plain values the way zrepl's typed reader does (§2.2): the schema decides whether `off` is a boolean
 * or a text; empty optional maps and lists count as absent, an empty plain value is its zero; defaults are filled in. What does not fit stays as it is, for the
 * validator to complain about. Fills `source.places`; duplicate keys are reported here.
 */
export function coerce(source: SourceFile): Coerced {
  const coercion = new Coercion(source);
  const start = { pointer: "", path: "", keyOffset: 0 };
  const node = source.root;
  const empty = node === null || node === undefined || (isScalar(node) && isPlainNull(node));
  if (empty) source.places.set("", { path: "", keyOffset: 0, offset: 0, shape: root, value: {} });
  return { value: empty ? withDefaults({}, root, root) : coercion.value(node, root, start), texts: coercion.texts };
}

class Coercion {
  readonly texts: FormattedText[] = [];
  readonly #source: SourceFile;
  readonly #anchors = new Map<Node, Node>();
  readonly #open = new Set<Node>();
  #nodes = 0;

  constructor(source: SourceFile) {
    this.#source = source;
    if (source.root) this.#collectAnchors(source.root);
  }

  /** An alias means the last anchor of that name before it. */
  #collectAnchors(from: Node): void {
    const latest = new Map<string, Node>();
    visit(from, {
      Node: (_key, node) => {
        const anchored = isAlias(node) ? latest.get(node.source) : undefined;
        if (anchored !== undefined) this.#anchors.set(node, anchored);
        if (!isAlias(node) && node.anchor !== undefined) latest.set(node.anchor, node);
      },
    });
  }

  #resolve(node: unknown): Node | undefined {
    if (!isAlias(node)) return node as Node | undefined;
    return this.#anchors.get(node);
  }

  /** The plain value of a node that should look like `shape`, and of all below it. */
  value(given: unknown, shape: Shape | undefined, at: Position): unknown {
    const node = this.#resolve(given);
    const expected = shape && resolveShape(shape, root);
    const unusable = this.#unusable(given, node);
    if (unusable !== undefined) {
      this.#source.places.set(at.pointer, { ...at, offset: offsetOf(given) ?? at.keyOffset, shape, value: undefined });
      this.#source.problem(at.pointer, unusable);
      return null;
    }
    if (node !== undefined) this.#open.add(node);
    const value = this.#plain(node, expected, at);
    if (node !== undefined) this.#open.delete(node);
    const offset = isEmptyScalar(node) ? at.keyOffset : (offsetOf(given) ?? at.keyOffset);
    this.#source.places.set(at.pointer, { ...at, offset, shape: expected, value });
    return value;
  }

  /** Why a node has no value, if so. */
  #unusable(given: unknown, node: Node | undefined): string | undefined {
    if (isAlias(given) && node === undefined)
      return `no anchor &${given.source} before this; a text that starts with * must be quoted`;
    if (node !== undefined && this.#open.has(node)) return "an anchor that contains itself; must not";
    return ++this.#nodes > MAX_NODES ? "far too many aliases" : undefined;
  }

  #plain(node: Node | undefined, shape: Shape | undefined, at: Position): unknown {
    if (isMap(node)) return this.#map(node, shape, at);
    if (isSeq(node)) return this.#list(node, shape, at);
    if (!isScalar(node)) return this.#null(shape, at);
    return this.#scalar(node, shape, at);
  }

  #scalar(node: Scalar, shape: Shape | undefined, at: Position): unknown {
    if (isPlainNull(node)) return this.#null(shape, at);
    const text = String(node.value ?? "");
    if (shape?.type === "string") return this.#text(text, shape, at);
    if (!isPlain(node) || shape === undefined) return text;
    if (shape.type === "boolean") return parseBoolean(text) ?? text;
    if (shape.type === "integer") return parseInteger(text) ?? text;
    return text;
  }

  /** zrepl's reader makes a null the zero of what is expected, not the default. */
  #null(shape: Shape | undefined, at: Position): unknown {
    if (shape === undefined) return null;
    const zero = zeroOf(shape);
    return shape.type === "string" ? this.#text(String(zero ?? ""), shape, at) : (zero ?? null);
  }

  #text(text: string, { format }: Shape, { pointer }: Position): string {
    if (format !== undefined) this.texts.push({ pointer, format, text });
    return text;
  }

  #list(node: YAMLSeq, shape: Shape | undefined, at: Position): unknown[] {
    return node.items.map((item, i) =>
      this.value(item, shape?.items, {
        pointer: pointerTo(at.pointer, i),
        path: pathTo(at.path, i),
        keyOffset: offsetOf(item) ?? at.keyOffset,
      }),
    );
  }

  #map(node: YAMLMap, shape: Shape | undefined, at: Position): Record<string, unknown> {
    const entries = this.#entries(node, at);
    const type = this.#resolve(entries.get("type")?.value);
    const member = shape && unionMember(shape, isScalar(type) ? type.value : undefined, root);
    const result: Record<string, unknown> = {};
    for (const [key, entry] of entries) {
      const below = { pointer: pointerTo(at.pointer, key), path: pathTo(at.path, key), keyOffset: entry.keyOffset };
      if (member?.propertyNames)
        this.texts.push({ pointer: below.pointer, format: member.propertyNames.format, text: key });
      const property = member?.properties?.[key];
      const optional = property && !member.required?.includes(key) ? resolveShape(property, root) : undefined;
      if (optional && this.#isNull(entry.value) && zeroOf(optional) === undefined) continue;
      const values = member?.additionalProperties || undefined;
      result[key] = this.value(entry.value, property ?? values, below);
    }
    return shape === undefined ? result : addDefaults(result, member);
  }

  #isNull(given: unknown): boolean {
    const node = this.#resolve(given);
    return isPlainNull(node) && !(isAlias(given) && node === undefined);
  }

  /** The entries with merges (`<<`) done as go-yaml v2 does: in order, a later one wins. */
  #entries(node: YAMLMap, at: Position): Map<string, { value: unknown; keyOffset: number }> {
    const entries = new Map<string, { value: unknown; keyOffset: number }>();
    const own = new Set<string>();
    for (const pair of node.items) {
      const key = this.#resolve(pair.key);
      const keyOffset = offsetOf(pair.key) ?? at.keyOffset;
      if (isScalar(key) && key.value === "<<" && key.type === "PLAIN") {
        for (const merged of this.#mergedMaps(pair.value, at, keyOffset))
          for (const [name, entry] of this.#entries(merged, at)) entries.set(name, entry);
        continue;
      }
      const name = isScalar(key) ? String(key.value ?? "") : "(not a text)";
      if (!isScalar(key)) this.#complain(at, name, keyOffset, "a key must be a text");
      if (own.has(name)) this.#complain(at, name, keyOffset, "given twice; must be given once");
      else entries.set(name, { value: pair.value, keyOffset });
      own.add(name);
    }
    return entries;
  }

  /** The maps of `<<: *a` or `<<: [*a, *b]`, the one that wins last. */
  #mergedMaps(given: unknown, at: Position, keyOffset: number): YAMLMap[] {
    const node = this.#resolve(given);
    const maps = isSeq(node) ? node.items.map((item) => this.#resolve(item)).reverse() : [node];
    const good = maps.filter((map) => isMap(map) && !this.#open.has(map)) as YAMLMap[];
    if (good.length < maps.length) this.#complain(at, "<<", keyOffset, "merges something that is not a map");
    return good;
  }

  #complain(at: Position, key: string, keyOffset: number, text: string): void {
    this.#source.misplaced(pointerTo(at.pointer, key), pathTo(at.path, key), keyOffset, text);
  }
}

function addDefaults(value: Record<string, unknown>, member: Shape | undefined): Record<string, unknown> {
  for (const [key, property] of Object.entries(member?.properties ?? {}))
    if (!Object.hasOwn(value, key) && property.default !== undefined)
      value[key] = withDefaults(structuredClone(property.default), property, root);
  return value;
}

/** Whether a scalar may be a boolean, a number or null: unquoted, or with a tag that says so. */
function isPlain({ type, tag }: Scalar): boolean {
  if (tag !== undefined && tag !== "!") return /:(bool|int|float|null)$/.test(tag);
  return type === "PLAIN" || type === undefined;
}

function isEmptyScalar(node: unknown): boolean {
  return (
    node === undefined ||
    node === null ||
    (isScalar(node) && (node.value === "" || node.value === null) && node.type === "PLAIN")
  );
}

function isPlainNull(node: unknown): boolean {
  if (node === null || node === undefined) return true;
  return isScalar(node) && isPlain(node) && isNullText(String(node.value ?? ""));
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
