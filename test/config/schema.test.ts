/** The schema as an editor shows it: each key explains itself. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { resolveShape, type Shape } from "../../src/config/shape.ts";

type Described = Shape & { readonly description?: string; readonly examples?: readonly unknown[] };

const schema = JSON.parse(
  readFileSync(new URL("../../schemas/config.schema.json", import.meta.url), "utf8"),
) as Described;

interface Key {
  readonly path: string;
  readonly shape: Described;
  readonly isRequired: boolean;
}

function keysOf(shape: Shape, path: string): Key[] {
  const required = (shape as { readonly required?: readonly string[] }).required ?? [];
  return Object.entries(shape.properties ?? {}).flatMap(([name, property]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const isReference = "$ref" in property;
    const own = { path: at, shape: resolveShape(property, schema) as Described, isRequired: required.includes(name) };
    return [own, ...(isReference ? [] : keysOf(property, at))];
  });
}

const keys = [
  ...keysOf(schema, ""),
  ...Object.entries(schema.$defs ?? {}).flatMap(([name, shape]) => keysOf(shape, name)),
];
const described = keys.filter(({ shape }) => shape.const === undefined);
const isTextual = ({ shape }: Key) =>
  ["string", "integer", "number", "array"].includes(String(shape.type)) && !shape.enum;

/** An object or a text that is absent has no value that one could name. */
const hasNeutral = ({ shape }: Key) =>
  shape.enum !== undefined || /boolean|integer|number|array/.test(String(shape.type));

describe("the schema", () => {
  test("has many keys", () => expect(described.length).toBeGreaterThan(200));

  test("has a title and a description of each", () => {
    const silent = described.filter(({ shape }) => !shape.title || !shape.description);
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test("has an example of each that is written freely", () => {
    const silent = described.filter(isTextual).filter(({ shape }) => (shape.examples ?? []).length === 0);
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test("has a default of each that may be left out", () => {
    const optional = described.filter(hasNeutral).filter(({ isRequired }) => !isRequired);
    const silent = optional.filter(({ shape }) => shape.default === undefined).map(({ path }) => path);
    expect(silent.filter((path) => !/\.max_destroy$|^count_threshold/.test(path))).toEqual([]);
  });
});
