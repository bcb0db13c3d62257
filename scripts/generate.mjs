// Generates src/generated/: from schemas/config.schema.json the config's TypeScript types, its compiled validator, and
// the part of the schema that the loader walks (src/config/coerce.ts); from schemas/events.schema.json the types of events.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import Ajv from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import { compile } from "json-schema-to-typescript";

const BANNER = "// Generated from schemas/config.schema.json by scripts/generate.mjs. Do not edit.";
const FOR_EDITORS = new Set(["$schema", "description", "examples"]);
const schema = JSON.parse(readFileSync("schemas/config.schema.json", "utf8"));
const out = "src/generated";
mkdirSync(out, { recursive: true });

/** A copy of a schema, each subschema changed by `change`. */
function mapSchema(node, change) {
  if (Array.isArray(node)) return node.map((item) => mapSchema(item, change));
  if (node === null || typeof node !== "object") return node;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [
      key,
      ["properties", "$defs"].includes(key) ? mapNamed(value, change) : mapSchema(value, change),
    ]),
  );
  return change(copy);
}

/** The same for a map of subschemas, whose keys are names and not keywords. */
function mapNamed(named, change) {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, mapSchema(value, change)]));
}

const defaulted = new Set();

/** For the types: what has a default is always there after coercion; titles would become names of interfaces. */
function afterDefaults({ title: _title, default: preset, examples: _examples, $schema: _schema, ...rest }) {
  const copy = { ...rest };
  if (rest.properties) {
    const filled = Object.keys(rest.properties).filter((key) => defaulted.has(rest.properties[key]));
    copy.required = [...new Set([...(rest.required ?? []), ...filled])];
  }
  if (preset !== undefined) defaulted.add(copy);
  return copy;
}

const typed = mapSchema(schema, afterDefaults);
for (const [name, definition] of Object.entries(typed.$defs)) definition.title = `raw_${name}`;
const types = await compile({ ...typed, title: "raw_config" }, "raw_config", {
  additionalProperties: false,
  bannerComment: BANNER,
  ignoreMinAndMaxItems: true,
});
writeFileSync(`${out}/raw-config.ts`, types);

const events = JSON.parse(readFileSync("schemas/events.schema.json", "utf8"));
const eventTypes = await compile(
  mapSchema({ ...events, title: "Event", description: "One of a closed union." }, (node) => {
    // an anonymous copy of a named schema would get a name of its own
    const { $id: _id, ...rest } = node;
    return rest;
  }),
  "Event",
  { additionalProperties: false, bannerComment: BANNER.replace("config", "events"), ignoreMinAndMaxItems: true },
);
writeFileSync(
  `${out}/event.ts`,
  eventTypes.replaceAll(/^( +)(\w+\??:)/gm, "$1readonly $2").replaceAll(/\b(\w+)\[\]/g, "readonly $1[]"),
);

const shape = mapSchema(schema, (node) =>
  Object.fromEntries(Object.entries(node).filter(([key]) => !FOR_EDITORS.has(key))),
);
writeFileSync(`${out}/config-shape.js`, `${BANNER}\nexport const shape = ${JSON.stringify(shape)};\n`);
writeFileSync(
  `${out}/config-shape.d.ts`,
  `${BANNER}\nimport type { Shape } from "../config/shape.ts";\nexport declare const shape: Shape;\n`,
);

// Formats are grammars of ours, checked by src/config/grammars.ts; messages by src/config/explain.ts. unicode: false
// (reported as deprecated, hence no logger) spares a run-time helper: only emptiness is ever asked for.
const ajv = new Ajv({
  allErrors: true,
  discriminator: true,
  validateFormats: false,
  unicode: false,
  messages: false,
  inlineRefs: false,
  logger: false,
  code: { source: true, esm: true, optimize: 2 },
});
const rules = mapSchema(shape, ({ title: _title, default: _preset, ...rest }) => rest);
// Every command compiles this code again. Where in the schema a rule stands is of no use at run time, nor is the value
// around a value; and each of hundreds of errors is added to the list in five statements.
const code = standaloneCode
  .default(ajv, ajv.compile(rules))
  .replaceAll(/,schemaPath:"(?:[^"\\]|\\.)*"/g, "")
  .replaceAll(/,parentData:\w+,parentDataProperty:[^,{}]+,rootData\}/g, "}")
  .replaceAll(
    /const (err\d+) = \{instancePath(?::(.*?))?,keyword:("\w+"),params:(\{.*?\})\};if\(vErrors === null\)\{vErrors = \[\1\];\}else \{vErrors\.push\(\1\);\}errors\+\+;/gs,
    (_all, _name, path = "instancePath", keyword, params) =>
      `vErrors = add(vErrors,${keyword},${params},${path});errors++;`,
  );
const add = `function add(errors, keyword, params, instancePath) {
  const error = { instancePath, keyword, params };
  if (errors === null) return [error];
  errors.push(error);
  return errors;
}`;
writeFileSync(`${out}/validate-config.js`, `${BANNER}\n${add}\n${code}`);
writeFileSync(
  `${out}/validate-config.d.ts`,
  `${BANNER}
import type { SchemaError } from "../config/explain.ts";
export declare const validate: { (data: unknown): boolean; errors?: SchemaError[] | null };
`,
);
