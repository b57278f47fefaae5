# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# How long this machine stood still: a process that does nothing but sleep for
# a moment and see by how much it has overslept.  What nobody could have done
# in time is no fault of who has not.

package Stentor::Lag;

use v5.36;

use File::Temp ();
use POSIX ();
use Time::HiRes qw(time sleep);

# A sound passes so many processes from a broadcaster to a listener, each of
# which may find the processor taken: he, the live thread, a worker, the
# listener.
use constant IN_A_ROW => 4;

use constant NAP => 0.02;

my %running;


# new() begins to look.

sub new($class) {
    my $file = File::Temp->new(TEMPLATE => 'lag-XXXXXX', TMPDIR => 1);
    my $parent = $$;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        look($file, $parent);
        POSIX::_exit(0);
    }

    my $self = bless { pid => $pid, file => $file }, $class;
    $running{$pid} = 1;

    return $self;
}


sub look($file, $parent) {
    my $most = 0;

    while (getppid() == $parent) {
        my $t = time();
        sleep(NAP);
        my $late = time() - $t - NAP;

        next if $late <= $most;
        $most = $late;
        sysseek($file, 0, 0);
        syswrite($file, pack('d', $most));
    }
}


# How long a sound may have been held up on its way, in ms, at most: so far.

sub ms($self) {
    open(my $f, '<:raw', $self->{file}->filename()) or return 0;
    sysread($f, my $bytes, 8);

    return length($bytes) == 8 ? 1000 * IN_A_ROW * unpack('d', $bytes) : 0;
}


sub DESTROY($self) {
    local ($?, $!);
    my $pid = delete $self->{pid} // return;
    return if !delete $running{$pid};
    kill('KILL', $pid);
    waitpid($pid, 0);
}


1;
