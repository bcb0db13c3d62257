import { PROPERTY_TABLE } from "./usage-properties.ts";

/** Usage lines of the commands, without the leading tab. Key: `zfs X` or `zpool X`. */
const LINES: Readonly<Record<string, string>> = {
  "zfs list":
    "list [-Hp] [-r|-d max] [-o property[,...]] [-s property]...\n\t    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...",
  "zfs get":
    'get [-rHp] [-d max] [-o "all" | field[,...]]\n\t    [-t type[,...]] [-s source[,...]]\n\t    <"all" | property[,...]> [filesystem|volume|snapshot|bookmark] ...',
  "zfs create":
    "create [-Pnpuv] [-o property=value] ... <filesystem>\n\tcreate [-Pnpsv] [-b blocksize] [-o property=value] ... -V <size> <volume>",
  "zfs destroy":
    "destroy [-fnpRrv] <filesystem|volume>\n\tdestroy [-dnpRrv] <filesystem|volume>@<snap>[%<snap>][,...]\n\tdestroy <filesystem|volume>#<bookmark>",
  "zfs snapshot": "snapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...",
  "zfs rollback": "rollback [-rRf] <snapshot>",
  "zfs clone": "clone [-p] [-o property=value] ... <snapshot> <filesystem|volume>",
  "zfs promote": "promote <clone-filesystem>",
  "zfs rename":
    "rename [-f] <filesystem|volume|snapshot> <filesystem|volume|snapshot>\n\trename -p [-f] <filesystem|volume> <filesystem|volume>\n\trename -u [-f] <filesystem> <filesystem>\n\trename -r <snapshot> <snapshot>",
  "zfs bookmark": "bookmark <snapshot|bookmark> <newbookmark>",
  "zfs program":
    "program [-jn] [-t <instruction limit>] [-m <memory limit (b)>]\n\t    <pool> <program file> [lua args...]",
  "zfs set": "set <property=value> ... <filesystem|volume|snapshot> ...",
  "zfs inherit": "inherit [-rS] <property> <filesystem|volume|snapshot> ...",
  "zfs mount": "mount\n\tmount [-flvO] [-o opts] <-a | filesystem>",
  "zfs unmount": "unmount [-fu] <-a | filesystem|mountpoint>",
  "zfs send":
    "send [-DnPpRVvLecwhb] [-[i|I] snapshot] <snapshot>\n\tsend [-DnVvPLecw] [-i snapshot|bookmark] <filesystem|volume|snapshot>\n\tsend [-DnPpVvLec] [-i bookmark|snapshot] --redact <bookmark> <snapshot>\n\tsend [-nVvPe] -t <receive_resume_token>\n\tsend [-PnVv] --saved filesystem",
  "zfs receive":
    "receive [-vMnsFhu] [-o <property>=<value>] ... [-x <property>] ...\n\t    <filesystem|volume|snapshot>\n\treceive [-vMnsFhu] [-o <property>=<value>] ... [-x <property>] ... \n\t    [-d | -e] <filesystem>\n\treceive -A <filesystem|volume>",
  "zfs hold": "hold [-r] <tag> <snapshot> ...",
  "zfs holds": "holds [-rH] <snapshot> ...",
  "zfs release": "release [-r] <tag> <snapshot> ...",
  "zfs load-key": "load-key [-rn] [-L <keylocation>] <-a | filesystem|volume>",
  "zfs unload-key": "unload-key [-r] <-a | filesystem|volume>",
  "zfs allow": "allow <filesystem|volume>",
};

const HINTS = "\nFor the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow";

/** The whole usage message of a command, without its final newline. */
export function usage(command: string): string {
  const table = command === "zfs list" || command === "zfs get";
  const lines = LINES[command] ?? command;
  const tail = table ? `\nThe following properties are supported:\n\n${PROPERTY_TABLE.trimEnd()}` : HINTS;
  return `usage:\n\t${lines}\n${tail}`;
}

/** True for a program's command that the simulator knows. */
export const isKnownCommand = (command: string): boolean => command in LINES;

/** What `zfs` alone prints; only the part that tools look for, the commands that are simulated. */
export function commandOverview(problem: string): string {
  const list = Object.entries(LINES).map(([, lines]) => `\t${lines}`);
  return `${problem}\nusage: zfs command args ...\nwhere 'command' is one of the following:\n\n\tversion\n\n${list.join("\n")}\n\nEach dataset is of the form: pool/[dataset/]*dataset[@name]\n${HINTS}`;
}
