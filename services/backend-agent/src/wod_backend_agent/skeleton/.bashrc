# Read by every interactive shell.
case $- in *i*) ;; *) return ;; esac
PS1='\u:\w\$ '
alias ll='ls -l'
umask 077
