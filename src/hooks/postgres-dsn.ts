/** Connection strings as Go's lib/pq takes them, which zrepl uses, for libpq's programs. Pure. */

/** Parameters by name, as written: `host`, `port`, `user`, … */
export type PostgresDsn = ReadonlyMap<string, string>;

/** Why a text is no connection string. */
export class DsnError extends Error {}

/** `postgres://user:password@host:port/db?sslmode=disable` or `host=… user=… password='…'`. @throws DsnError */
export function parsePostgresDsn(text: string): PostgresDsn {
  return /^postgres(?:ql)?:\/\//.test(text) ? parseUrl(text) : parsePairs(text);
}

function parseUrl(text: string): Map<string, string> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new DsnError("is not a valid URL; must be like postgres://user:password@host:5432/database?sslmode=disable");
  }
  const parameters = new Map<string, string>();
  const set = (key: string, value: string) => value !== "" && parameters.set(key, decode(value));
  set("user", url.username);
  set("password", url.password);
  set("host", url.hostname.replace(/^\[(.*)\]$/, "$1"));
  set("port", url.port);
  set("dbname", url.pathname.replace(/^\//, ""));
  for (const [key, value] of url.searchParams) parameters.set(key, value);
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DsnError("has a % that is not followed by two hexadecimal digits");
  }
}

/** `key=value` separated by blanks; a value may be in single quotes; backslash takes the next character literally. */
function parsePairs(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*|))(?=\s|$)\s*/sy;
  while (pair.lastIndex < text.length) {
    const at = pair.lastIndex;
    const match = pair.exec(text);
    if (match === null) {
      if (text.slice(at).trim() === "") break;
      throw new DsnError(`is not key=value from character ${at + 1} on; quote values with blanks: key='a b'`);
    }
    const [, key = "", quoted, plain = ""] = match;
    parameters.set(key, (quoted ?? plain).replaceAll(/\\(.)/gs, "$1"));
  }
  return parameters;
}

const VARIABLES: Readonly<Record<string, string>> = {
  host: "PGHOST",
  hostaddr: "PGHOSTADDR",
  port: "PGPORT",
  user: "PGUSER",
  password: "PGPASSWORD",
  passfile: "PGPASSFILE",
  dbname: "PGDATABASE",
  sslmode: "PGSSLMODE",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  sslrootcert: "PGSSLROOTCERT",
  connect_timeout: "PGCONNECT_TIMEOUT",
  application_name: "PGAPPNAME",
  client_encoding: "PGCLIENTENCODING",
  krbsrvname: "PGKRBSRVNAME",
};

/** Known to lib/pq alone, without meaning for one statement; `fallback_application_name` and `options` are treated apart. */
const IGNORED = new Set([
  "binary_parameters",
  "disable_prepared_binary_result",
  "krbspn",
  "fallback_application_name",
  "options",
]);

/**
 * The environment that makes psql connect as lib/pq would: nothing, a password least of all, is in its arguments. lib/pq's own
 * defaults are TLS and localhost, where libpq's are a socket; what is neither's parameter is a setting of the session.
 */
export function postgresEnvironment(
  dsn: PostgresDsn,
  env: Readonly<Record<string, string | undefined>>,
  timeoutSec: number,
): Record<string, string> {
  const result: Record<string, string> = {};
  const settings: string[] = [`-c statement_timeout=${Math.ceil(timeoutSec * 1000)}`];
  for (const [key, value] of dsn) {
    const variable = VARIABLES[key];
    if (variable !== undefined) result[variable] = value;
    else if (!IGNORED.has(key)) settings.push(`-c ${key}=${value.replaceAll(/[\\\s]/g, "\\$&")}`);
  }
  const preset = (variable: string, value: string) => {
    if (result[variable] === undefined && !env[variable]) result[variable] = value;
  };
  preset("PGHOST", "localhost");
  preset("PGSSLMODE", "require");
  preset("PGCONNECT_TIMEOUT", String(Math.max(2, Math.ceil(timeoutSec))));
  preset("PGAPPNAME", dsn.get("fallback_application_name") ?? "zrepl-run");
  const options = dsn.get("options") ?? env["PGOPTIONS"] ?? "";
  return { ...result, PGOPTIONS: [...settings, options].filter((option) => option !== "").join(" ") };
}
