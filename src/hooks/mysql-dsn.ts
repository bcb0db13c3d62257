/** Connection strings as Go's go-sql-driver takes them, which zrepl uses: `user:password@tcp(host:3306)/db?tls=true`. Pure. */
import { DsnError } from "./postgres-dsn.ts";

export interface MysqlDsn {
  readonly user: string;
  readonly password: string;
  readonly address:
    | { readonly type: "tcp"; readonly host: string; readonly port: string }
    | { readonly type: "unix"; readonly path: string };
  readonly database: string;
  readonly tls: "false" | "true" | "skip-verify" | "preferred";
  /** Variables of the session to set, name → SQL value. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Parameters of the driver itself, which have no meaning for one statement. */
const DRIVER_PARAMETERS = new Set(
  (
    "allowAllFiles allowCleartextPasswords allowFallbackToPlaintext allowNativePasswords allowOldPasswords charset checkConnLiveness " +
    "clientFoundRows collation columnsWithAlias compress connectionAttributes interpolateParams loc maxAllowedPacket multiStatements parseTime " +
    "readTimeout rejectReadOnly serverPubKey timeout timeTruncate tls writeTimeout"
  ).split(" "),
);

/** @throws DsnError */
export function parseMysqlDsn(text: string): MysqlDsn {
  const slash = text.lastIndexOf("/");
  if (slash === -1)
    throw new DsnError("is missing the slash separating the database name; must be like user:password@tcp(host:3306)/");
  const left = text.slice(0, slash);
  const at = left.lastIndexOf("@");
  const login = at === -1 ? "" : left.slice(0, at);
  const colon = login.indexOf(":");
  const [database = "", query = ""] = split(text.slice(slash + 1), "?");
  const parameters = parseParameters(query);
  const tls = parameters.get("tls")?.toLowerCase() ?? "false";
  return {
    user: colon === -1 ? login : login.slice(0, colon),
    password: colon === -1 ? "" : login.slice(colon + 1),
    address: parseAddress(left.slice(at + 1)),
    database: decode(database),
    tls: parseTls(tls),
    variables: new Map([...parameters].filter(([key]) => !DRIVER_PARAMETERS.has(key))),
  };
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function parseAddress(text: string): MysqlDsn["address"] {
  const open = text.indexOf("(");
  if (open !== -1 && !text.endsWith(")"))
    throw new DsnError("has a network address that is not terminated (missing closing brace)");
  const net = (open === -1 ? text : text.slice(0, open)) || "tcp";
  const address = open === -1 ? "" : text.slice(open + 1, -1);
  if (net === "unix") return { type: "unix", path: address || "/tmp/mysql.sock" };
  if (net !== "tcp") throw new DsnError(`has the network ${JSON.stringify(net)}; must be tcp or unix`);
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(address);
  if (match === null)
    throw new DsnError(`has the address ${JSON.stringify(address)}; must be HOST or HOST:PORT, an IPv6 address in []`);
  const [, host = "", port = "3306"] = match;
  return { type: "tcp", host: host.replace(/^\[(.*)\]$/, "$1") || "127.0.0.1", port };
}

function parseParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split("&")) {
    const at = pair.indexOf("=");
    if (at === -1) continue; // as the driver: not a parameter
    const [key, value] = [pair.slice(0, at), decode(pair.slice(at + 1).replaceAll("+", " "))];
    if (!/^[A-Za-z_][\w.@]*$/.test(key)) throw new DsnError(`has a parameter ${JSON.stringify(key)}; must be a name`);
    if (/[\n\r\0;]/.test(value)) throw new DsnError(`has a value of ${key} that is not one SQL value`);
    parameters.set(key, value);
  }
  return parameters;
}

function parseTls(value: string): MysqlDsn["tls"] {
  if (["true", "1"].includes(value)) return "true";
  if (["false", "0"].includes(value)) return "false";
  if (value === "skip-verify" || value === "preferred") return value;
  throw new DsnError(`has tls=${value}; must be true, false, skip-verify or preferred`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DsnError("has a % that is not followed by two hexadecimal digits");
  }
}

/** The client programs differ in how they are told about TLS. */
export type MysqlFlavor = "mysql" | "mariadb";

/** Arguments of the client program; the password is not among them. The user's own option files don't count, as for the driver. */
export function mysqlArguments(dsn: MysqlDsn, flavor: MysqlFlavor): string[] {
  const { address } = dsn;
  const where =
    address.type === "unix"
      ? ["--protocol=SOCKET", `--socket=${address.path}`]
      : ["--protocol=TCP", `--host=${address.host}`, `--port=${address.port}`];
  const user = dsn.user === "" ? [] : [`--user=${dsn.user}`];
  const database = dsn.database === "" ? [] : [`--database=${dsn.database}`];
  const output = ["--batch", "--skip-column-names", "--unbuffered"];
  return ["--no-defaults", ...output, ...TLS_ARGUMENTS[flavor][dsn.tls], ...where, ...user, ...database];
}

/** MySQL's client encrypts where it can, which its servers' default way to log in needs; MariaDB's is told not to. */
const TLS_ARGUMENTS: Readonly<Record<MysqlFlavor, Readonly<Record<MysqlDsn["tls"], readonly string[]>>>> = {
  mysql: {
    false: [],
    true: ["--ssl-mode=VERIFY_IDENTITY"],
    "skip-verify": ["--ssl-mode=REQUIRED"],
    preferred: ["--ssl-mode=PREFERRED"],
  },
  mariadb: {
    false: ["--skip-ssl"],
    true: ["--ssl", "--ssl-verify-server-cert"],
    "skip-verify": ["--ssl", "--skip-ssl-verify-server-cert"],
    preferred: ["--skip-ssl-verify-server-cert"],
  },
};
