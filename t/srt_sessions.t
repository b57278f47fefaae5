#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Many short SRT sessions, one after another and at once: when they are gone a
# worker has no more threads and descriptors than before, and hardly more
# memory.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Tone;


need('ffmpeg');

use constant {
    ROUNDS => 5,
    AT_ONCE => 10,
    MEMORY => 24 << 20,        # what malloc() and dead threads' stacks keep
};

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

system(qw(ffmpeg -nostdin -loglevel error -y -f lavfi -i),
       Stentor::Tone::source(660), qw(-t 10 -c:a aac -f mpegts),
       "$dir/tone.ts") == 0 or die "ffmpeg makes no tone.ts: $?\n";
my $ts = Stentor::Node::slurp("$dir/tone.ts");

my $node = Stentor::Node->new(linger => '1s', srt => ['media_timeout=2s'],
                              window => '8s', zone => '64m');


# Of all workers: [threads, descriptors].

sub held() {
    my ($threads, $fds) = (0, 0);

    for my $pid ($node->worker_pids()) {
        $threads += () = glob("/proc/$pid/task/*");
        $fds += () = glob("/proc/$pid/fd/*");
    }

    return [ $threads, $fds ];
}


# Some that come at once, each with a second of sound, and go.

sub sessions($n) {
    my @callers = map {
        Stentor::SrtCaller->connect(port => $node->port_srt(),
                                    streamid => "live/s$_")
    } 1 .. $n;
    my $piece = Stentor::SrtCaller::PAYLOAD;

    for my $at (0 .. 14) {
        for my $c (@callers) {
            $c->data(substr($ts, $at * $piece, $piece));
            $c->pump(0.002);
        }
    }

    # some go without a word
    $callers[$_]->shutdown() for grep { $_ % 5 } 0 .. $#callers;

    ok($node->wait_status(sub ($s) {
        return $s->{ingest}{sessions} == 0 && !@{ $s->{streams} };
    }, 20 + $Stentor::Node::PATIENCE, 'sessions and streams'), 'all have gone');
}


# The first ones make what is kept for good.
sessions(AT_ONCE);
my ($before, $memory) = (held(), $node->worker_memory());

sessions(AT_ONCE) for 1 .. ROUNDS;

ok($node->wait_until(sub {
    my $now = held();
    return $now->[0] <= $before->[0] && $now->[1] <= $before->[1];
}), 'no more threads and descriptors than before')
    or diag("before @$before, now @{ held() }");

my $grown = $node->worker_memory() - $memory;
note(sprintf('%d sessions: %d kB', ROUNDS * AT_ONCE, $grown >> 10));
cmp_ok($grown, '<', MEMORY, 'and hardly more memory') if !$ENV{STENTOR_ASAN};

$node->done('TERM');
done_testing();
