import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { resolveShape, type Shape } from "../../src/config/shape.ts";
import { load, problemsOf } from "./files.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const schema = JSON.parse(read("schemas/config.schema.json")) as Shape;
const manual = read("man/zrepl-run.yml.5");

interface Key {
  readonly name: string;
  readonly shape: Shape;
}

function keysOf(shape: Shape): Key[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, property]) => [
    { name, shape: resolveShape(property, schema) },
    ...keysOf(property),
  ]);
}

const keys = [schema, ...Object.values(schema.$defs ?? {})].flatMap(keysOf);
const documented = keys.filter(({ shape }) => shape.const === undefined);

describe("every key of the schema", () => {
  test.each(documented)("$name has a title for editors and messages", ({ shape }) => {
    expect(shape.title).toBeTypeOf("string");
  });

  test.each(documented.filter(({ shape }) => shape.type !== "object" || shape.additionalProperties))(
    "$name is in the manual, with its default",
    ({ name, shape }) => {
      const entries = [...manual.matchAll(/^\.It Ic (\S+) Pq (.*)$/gm)].filter(
        ([, path]) => path?.split(".").at(-1) === name,
      );
      expect(entries.length).toBeGreaterThan(0);
      if (typeof shape.default === "object" || shape.default === undefined) return;
      const value = `default ${String(shape.default)}`.replaceAll("-", "\\-");
      expect(entries.some(([, , about]) => about?.endsWith(value))).toBe(true);
    },
  );

  const isTextual = ({ type, enum: values }: Shape) =>
    values === undefined && ["string", "integer", "number"].includes(String(type));

  test.each(documented.filter(({ shape }) => isTextual(shape)))("$name has an example in the manual", ({ name }) => {
    const entries = manual.split(/^\.It Ic /m).filter((entry) => /^(\S+)/.exec(entry)?.[1]?.split(".").at(-1) === name);
    expect(entries.some((entry) => /^Examples?:/m.test(entry.split(/^\.(?:It|El|Sh|Ss) ?/m)[0] ?? ""))).toBe(true);
  });

  test.each([...new Set(keys.map(({ shape }) => shape.const).filter((type) => type !== undefined))])(
    "type %s is in the manual",
    (type) => {
      expect(manual).toContain(`\n.Ss type: ${type.replaceAll("-", "\\-")}\n`);
    },
  );
});

test("the examples of the manual are valid configs", async () => {
  const examples = [...manual.matchAll(/^\.Bd -literal -offset indent\n(jobs:[\s\S]*?)^\.Ed$/gm)].map(
    ([, text = ""]) => text,
  );
  expect(examples).toHaveLength(3);
  for (const example of examples) expect(await problemsOf(load(example))).toEqual([]);
});
