# fish completion of zrepl-run; for all users: /usr/share/fish/vendor_completions.d/zrepl-run.fish
function __zrepl_run_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (env SHELL=fish $words[1] --get-yargs-completions $words 2>/dev/null)
    if test (count $lines) -gt 0
        printf '%s\n' $lines
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c zrepl-run -f -a '(__zrepl_run_complete)'
