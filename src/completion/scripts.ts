/** What `completion SHELL` prints: each asks the program itself at every press of the key. */
import { COMPLETION_ARGUMENT } from "./argument.ts";
import type { Shell } from "./complete.ts";

const bash = `# bash completion of zrepl-run; for all users: /usr/share/bash-completion/completions/zrepl-run
_zrepl_run() {
  local i
  mapfile -t COMPREPLY < <(SHELL=bash "$1" ${COMPLETION_ARGUMENT} "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=$(printf %q "\${COMPREPLY[i]}"); done
}
complete -o default -F _zrepl_run zrepl-run
`;

const zsh = `#compdef zrepl-run
# zsh completion of zrepl-run; for all users: _zrepl-run in a directory of $fpath, e.g. /usr/share/zsh/vendor-completions
_zrepl-run() {
  local -a lines
  lines=("\${(@f)$(SHELL=zsh "\${(Q)words[1]}" ${COMPLETION_ARGUMENT} "\${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${lines[1]}" ]]; then
    _describe zrepl-run lines
  else
    _files
  fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then
  _zrepl-run "$@"
else
  compdef _zrepl-run zrepl-run
fi
`;

const fish = `# fish completion of zrepl-run; for all users: /usr/share/fish/vendor_completions.d/zrepl-run.fish
function __zrepl_run_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (env SHELL=fish $words[1] ${COMPLETION_ARGUMENT} $words 2>/dev/null)
    if test (count $lines) -gt 0
        printf '%s\\n' $lines
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c zrepl-run -f -a '(__zrepl_run_complete)'
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };

export function completionScript(shell: Shell): string {
  return scripts[shell];
}
