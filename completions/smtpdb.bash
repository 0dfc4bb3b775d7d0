# Completion of smtpdb(1) for bash; the words come from smtpdb itself, which is
# told those up to the cursor.

_smtpdb() {
	local line=${COMP_LINE:0:COMP_POINT} cur=${COMP_WORDS[COMP_CWORD]} words word lead

	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	# bash cuts words at "=" and ":" as well, and completes what is behind.
	word=${words[-1]}
	[[ $cur == [=:] ]] && cur=
	lead=${word%"$cur"}
	COMPREPLY=()
	while IFS= read -r word; do
		case $word in
		:files) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
		:folders) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur") && compopt -o filenames ;;
		:commands) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$cur") ;;
		*) COMPREPLY+=("${word#"$lead"}") ;;
		esac
	done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	return 0
}
complete -F _smtpdb smtpdb
