# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Up to thousands of low-latency listeners in a process of their own
# (rehearse/crowd.c), who check all that they get, and are asked now and then
# how they fare.  What they tell is the tool's JSON, decoded.

package Stentor::Crowd;

use v5.36;

use IPC::Open2 ();
use JSON::PP ();
use Time::HiRes qw(time sleep);

use Stentor::Node;

my %running;


# new([ports of 127.0.0.1], %o) starts it: listeners => 100, rate (joins a
# second), stream => 'live/studio1', streams => how many, hold_back => least
# seconds, timeout (of an answer), failover => 1, one_in => who compares bytes,
# seconds => the most that it lasts, from => addresses to come from (by commas),
# mix => kinds as :join has them, http2 => 1, insecure => 1 (any certificate).
# Instead of ports there may be "https://127.0.0.1:PORT".

sub new($class, $ports, %o) {
    my %option = (listeners => '-n', rate => '-r', stream => '-s',
                  streams => '-S', hold_back => '-b', timeout => '-T',
                  one_in => '-k', seconds => '-t', from => '-B',
                  mix => '-m');
    my %flag = (failover => '-f', http2 => '-2', insecure => '-x');

    local @INC = ("$Stentor::Node::TOP/t/bench", @INC);
    require Bench;
    state $built = do { Bench::build('crowd'); 1 };

    my @args = ('-i', map { delete $o{$_} ? $flag{$_} : () }
                      sort keys %flag);
    push(@args, $option{$_} // die("crowd: no option $_\n"), $o{$_})
        for sort keys %o;

    my $pid = IPC::Open2::open2(my $out, my $in, "$Bench::BUILD/crowd",
                                @args, @$ports);
    my $self = bless { pid => $pid, in => $in, out => $out }, $class;
    $running{$pid} = $self;

    return $self;
}


# What has been since the last mark.

sub look($self) { return $self->ask('l') }


# The same, and sets one.

sub mark($self) { return $self->ask('m') }


sub ask($self, $letter) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{in}, $letter);
    return JSON::PP::decode_json(readline($self->{out})
                                 // die "the crowd is gone\n");
}


# Something that changes what they do: see rehearse/crowd_told.c.

sub tell($self, $line) {
    local $SIG{PIPE} = 'IGNORE';
    syswrite($self->{in}, ":$line\n");
}


# Looks till test->(what it sees) is true, and returns that; undef at the
# deadline.

sub wait($self, $test, $seconds = $Stentor::Node::PATIENCE) {
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        my $seen = $self->look();
        return $seen if $test->($seen);
        sleep(0.05);
    }

    return undef;
}


# All of them have heard something.

sub hears($self, $seconds = $Stentor::Node::PATIENCE) {
    return $self->wait(sub ($s) {
        return $s->{playing} && $s->{playing} == $s->{all};
    }, $seconds);
}


# Ends it, or waits till it ends by itself (when the streams have ended, or its
# seconds); returns what has been in all.

sub end($self, $by_itself = 0) {
    my $pid = delete $self->{pid} // return undef;

    # not by its standard input: a child of the test may have that, too
    kill('TERM', $pid) if !$by_itself;
    my $last = readline($self->{out});
    waitpid($pid, 0);
    delete $running{$pid};

    return JSON::PP::decode_json($last // die "the crowd died: $?\n");
}


my $owner = $$;

END {
    if ($$ == $owner) {
        my $status = $?;

        for my $crowd (values %running) {
            kill('KILL', $crowd->{pid});
            waitpid($crowd->{pid}, 0);
        }

        $? = $status;
    }
}


1;
