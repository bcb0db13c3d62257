import { shape as root } from "../generated/config-shape.js";
import { pointerTo } from "./places.ts";
import { isRecord, resolveShape, type Shape, unionMember, unionTypes } from "./shape.ts";
import type { SourceFile } from "./source.ts";
import { nearest, suggest } from "./suggest.ts";

/** What the compiled validator says of one value (ajv's SchemaError, as far as scripts/generate.mjs leaves it). */
export interface SchemaError {
  /** JSON pointer of the value. */
  readonly instancePath: string;
  /** The rule of the schema that it breaks: `required`, `type`, `enum` … */
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Reports one error of the compiled validator: in the operator's words, at its place in the file. */
export function explain(error: SchemaError, source: SourceFile): void {
  const { instancePath: pointer, keyword, params } = error;
  if (keyword === "required") missing(pointer, String(params["missingProperty"]), source);
  else if (keyword === "additionalProperties") unknownKey(pointer, String(params["additionalProperty"]), source);
  else if (keyword === "discriminator") wrongType(pointer, source);
  else source.problem(pointer, wrongValue(error, source));
}

function wrongValue({ instancePath, keyword, params }: SchemaError, source: SourceFile): string {
  const { shape, value } = source.places.nearest(instancePath);
  switch (keyword) {
    case "type":
      return `${describe(value)}; must be ${expected(shape)}`;
    case "enum":
      return `${describe(value)}; must be ${choice(params["allowedValues"], value)}`;
    case "minLength":
    case "minItems":
    case "minProperties":
      return `is empty; it is required: ${shape?.title ?? "a value"}`;
    case "minimum":
    case "maximum":
      return `${describe(value)}; must be ${range(shape)}`;
    case "maxItems":
      return `has ${Array.isArray(value) ? value.length : "too many"} entries; must have at most ${params["limit"]}`;
    default:
      return `is not valid (${keyword})`;
  }
}

function missing(pointer: string, key: string, source: SourceFile): void {
  const property = memberAt(pointer, source)?.properties?.[key];
  const title = property && resolveShape(property, root).title;
  source.missing(pointer, key, title === undefined ? "missing; it is required" : `missing; it is required: ${title}`);
}

function unknownKey(pointer: string, key: string, source: SourceFile): void {
  const known = Object.keys(memberAt(pointer, source)?.properties ?? {});
  const hint = suggest(key, known);
  source.problem(pointerTo(pointer, key), `unknown key; ${hint}`, "key");
}

function wrongType(pointer: string, source: SourceFile): void {
  const types = unionTypes(source.places.nearest(pointer).shape ?? {}, root);
  const at = pointerTo(pointer, "type");
  const type = source.places.get(at)?.value;
  const isText = typeof type === "string" && type !== "";
  if (isText) source.problem(at, `invalid type name ${JSON.stringify(type)}; ${suggest(type, types)}`);
  else if (type === undefined) source.missing(pointer, "type", `must specify type; one of ${types.join(", ")}`);
  else source.problem(at, `${describe(type)}; must be one of ${types.join(", ")}`);
}

/** The schema of the map at a pointer; for a union that of the member that its `type` chose. */
function memberAt(pointer: string, source: SourceFile): Shape | undefined {
  const { shape, value } = source.places.nearest(pointer);
  return shape && unionMember(shape, isRecord(value) ? value["type"] : undefined, root);
}

function choice(allowedValues: unknown, value: unknown): string {
  const allowed = allowedValues as string[];
  const near = typeof value === "string" ? nearest(value, allowed) : undefined;
  return `one of ${allowed.join(", ")}${near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`}`;
}

function range({ minimum, maximum }: Shape = {}): string {
  if (maximum === undefined) return `at least ${minimum}`;
  return `between ${minimum} and ${maximum}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: "a map",
  array: "a list",
  string: "a text",
  integer: "a whole number",
  boolean: "true or false (also yes, no, on, off; without quotes)",
};

function expected(shape: Shape | undefined): string {
  const type = EXPECTED[shape?.type ?? ""] ?? "something else";
  return shape?.title === undefined ? type : `${type}: ${shape.title}`;
}

/** What a value is, for the first half of a message. */
function describe(value: unknown): string {
  if (value === null || value === undefined || value === "") return "has no value";
  if (Array.isArray(value)) return "is a list";
  return isRecord(value) ? "is a map" : `is ${JSON.stringify(value)}`;
}
