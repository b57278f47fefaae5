# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A Debian of its own in a directory, as debootstrap makes it.  A base is made
# once (STENTOR_CHROOTS, or build/chroot), for each list of packages another,
# and copied for each that is used.
# What runs in it has mounts and processes of its own, which end with it, so
# that nothing of it is left behind; only root can do that.

package Stentor::Chroot;

use v5.36;

use Digest::MD5 ();
use File::Path ();
use File::Temp ();
use POSIX ();

use Stentor::Node;

my $BASES = $ENV{STENTOR_CHROOTS} // "$Stentor::Node::TOP/build/chroot";
my $MIRROR = $ENV{STENTOR_MIRROR} // 'http://deb.debian.org';

# What a process of it begins with: its mounts are seen by nobody else.
my $ENTER = <<'END';
    mount --make-rprivate / && mount --bind "$0" "$0" &&
    mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 126
    [ "$TREE" = "" ] || mount --bind -o ro "$TREE" "$0/mnt" || exit 126
    exec chroot "$0" "$@"
END

my %running;


# new(suite, packages...): a copy of its base, with packages installed.

sub new($class, $suite, @packages) {
    my $self = bless { suite => $suite }, $class;
    my $base = @packages ? $self->base_with(@packages) : $self->base();

    $self->{dir} = File::Temp::tempdir("stentor-$suite-XXXXXX", TMPDIR => 1);
    chmod(0755, $self->{dir});
    copy($base, $self->{dir});

    # what is newer since then
    $self->install(@packages) if @packages;

    return $self;
}


# What "scripts/setup deb" installs to build the package with.

sub build_packages() {
    my $setup = Stentor::Node::slurp("$Stentor::Node::TOP/scripts/setup");
    my ($want) = $setup =~ /^want='(.*?)'/ms;
    my ($more) = $setup =~ /^deb\)\s+want="\$want (.*?)"/ms;

    return split(' ', "$want $more");
}


sub copy($from, $to) {
    system('cp', '-a', "$from/.", $to) == 0 or die "cp: $?\n";
}


sub base_with($self, @packages) {
    my $dir = "$BASES/$self->{suite}-"
              . substr(Digest::MD5::md5_hex("@{[ sort @packages ]}"), 0, 8);
    return $dir if -d $dir;

    my $base = $self->base();
    local $self->{dir} = "$dir.$$";

    File::Path::make_path($self->{dir});
    copy($base, $self->{dir});
    $self->install(@packages);
    rename($self->{dir}, $dir) or die "$dir: $!\n";

    return $dir;
}


sub base($self) {
    my $dir = "$BASES/$self->{suite}";
    return $dir if -d $dir;

    File::Path::make_path($BASES);
    my $made = "$dir.$$";
    my $said = `debootstrap --variant=minbase $self->{suite} $made \\
                $MIRROR/debian 2>&1`;
    die "debootstrap: $said\n" if $?;

    Stentor::Node::spew("$made/etc/apt/sources.list", join('',
        map { "deb $MIRROR/$_ main\n" } "debian $self->{suite}",
            "debian $self->{suite}-updates",
            "debian-security $self->{suite}-security"));

    # what is thrown away need not be safe on the disk
    Stentor::Node::spew("$made/etc/dpkg/dpkg.cfg.d/unsafe-io",
                        "force-unsafe-io\n");

    # packages start nothing: the network is that of the machine
    Stentor::Node::spew("$made/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
    chmod(0755, "$made/usr/sbin/policy-rc.d");
    rename($made, $dir) or die "$dir: $!\n";

    return $dir;
}


sub dir($self) { return $self->{dir} }


# The command that has another one run in it.

sub command($self, @command) {
    return ('unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh',
            '-c', $ENTER, $self->{dir}, @command);
}


# Runs a shell's line: (its exit status, what it said).  The tree is /mnt.

sub run($self, $line) {
    local $ENV{TREE} = $Stentor::Node::TOP;
    local $ENV{DEBIAN_FRONTEND} = 'noninteractive';
    local $ENV{LC_ALL} = 'C.UTF-8';

    open(my $f, '-|', $self->command('sh', '-c', "exec 2>&1; $line"))
        or die "unshare: $!\n";
    my $said = join('', <$f>);
    close($f);

    return ($? >> 8, $said);
}


# Runs it, or dies.

sub must($self, $line) {
    my ($rc, $said) = $self->run($line);
    die "$self->{suite}: $line: $rc\n$said\n" if $rc;
    return $said;
}


# Packages by name, or files of the chroot by path.

sub install($self, @packages) {
    Stentor::Node::spew("$self->{dir}/etc/resolv.conf",
        Stentor::Node::slurp('/etc/resolv.conf') // '');
    $self->must('apt-get update -qq');

    return $self->must('apt-get install -y -qq --no-install-recommends '
                       . "@packages");
}


# Starts a line that stays: what it leaves running ends with stop().

sub start($self, $line) {
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>>', "$self->{dir}/said");
        open(STDERR, '>&', \*STDOUT);
        exec($self->command('sh', '-c', "$line; while :; do sleep 1; done"))
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    return;
}


sub said($self) {
    return Stentor::Node::slurp("$self->{dir}/said") // '';
}


sub stop($self) {
    my $pid = delete $self->{pid} // return;

    delete $running{$pid};
    kill('KILL', $pid);
    waitpid($pid, 0);

    return;
}


# Its processes: (pid, title, user id), as they are seen from outside.

sub processes($self) {
    my @list;

    for my $proc (glob('/proc/[0-9]*')) {
        next if (readlink("$proc/root") // '') ne $self->{dir};

        my $status = Stentor::Node::slurp("$proc/status") // next;
        my ($uid) = $status =~ /^Uid:\s+\d+\s+(\d+)/m;
        my $title = (Stentor::Node::slurp("$proc/cmdline") // next)
                    =~ s/\0+$//r =~ tr/\0/ /r;
        push(@list, { pid => $proc =~ s{.*/}{}r, title => $title,
                      uid => $uid });
    }

    return @list;
}


sub remove($self) {
    $self->stop();
    system('rm', '-rf', '--one-file-system', $self->{dir})
        if !$ENV{STENTOR_KEEP};
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;
        $_->stop() for values %running;
        $? = $status;
    }
}


1;
