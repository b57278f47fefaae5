#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Thousands of requests for names that somebody makes up, at an edge and at
# nodes that others ask: streams that there are begin and are had as ever, and
# what is asked for in vain takes no more than its places.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Tier;

use POSIX ();
use Time::HiRes qw(time sleep);


need('ffmpeg');

# What AddressSanitizer keeps of what was freed.
my $SPARE = $ENV{STENTOR_ASAN} ? 600e6 : 0;

my @floods;


# Asks for names at a node's path, each once, and does not wait for answers.

sub flood($node, $path, $query = '') {
    my $pid = fork() // die "fork: $!\n";
    return push(@floods, $pid) if $pid;

    for (my $n = 0; ; $n += 50) {
        my @all = map { eval { $node->http() } // () } 1 .. 50;
        eval { $all[$_]->request('GET', $path =~ s/NAME/$$-@{[$n + $_]}/r) }
            for 0 .. $#all;
        sleep(0.05);
    }
}


sub dry() {
    kill('KILL', @floods);
    waitpid($_, 0) for @floods;
    @floods = ();
}


sub asks($node) { return $node->status()->{cluster} }


END { dry() }


# --- an origin that is asked, and cannot find out that nobody has them

my $nobody = 'http://127.0.0.1:' . Stentor::Node::free_port() . '/relay/';
my $origin = pulls_from([$nobody], id => 'origin-2', role => 'origin',
                        connections => 8192);
my $memory = $origin->worker_memory();
flood($origin, '/relay/live/NAME?node=edge-1');

ok($origin->wait_until(sub { asks($origin)->{wants_dropped} > 500 },
                       3 * $Stentor::Node::PATIENCE),
   'more names than there are places for are not asked for');
my $wants = asks($origin)->{wants};

# when the first ones have no more use of their places
ok($origin->wait_until(sub { asks($origin)->{wants} > $wants + 300 },
                       3 * $Stentor::Node::PATIENCE), 'places are given on');

my @b = map { eval { broadcaster($origin, name => "studio$_") } // () } 1 .. 4;
is(scalar(@b), 4, 'broadcasters are let in all the while')
    or diag($origin->log() =~ /(.*studio1.*)/g);
cmp_ok(asks($origin)->{wants_dropped}, '>', 1000, 'status: wants_dropped');
cmp_ok($origin->worker_memory() - $memory, '<', $SPARE + 96e6,
       'memory has its bounds');

dry();
$_->stop() for @b;
$origin->done('TERM');

# --- an edge, and whom it asks

$origin = origin(connections => 8192);
my $shield = pulls_from([$origin], id => 'shield-1', role => 'shield',
                        connections => 8192);
my $edge = pulls_from([$shield], connections => 8192);

@b = broadcaster($origin);
my $l = Stentor::Listener->fork_run(40, port => $edge->port_http());
$memory = $edge->worker_memory();

flood($edge, '/live/NAME/audio.m3u8');
ok($edge->wait_until(sub { asks($edge)->{wants} > 1500 },
                     3 * $Stentor::Node::PATIENCE), 'an edge is asked');

push(@b, broadcaster($origin, name => 'studio2'));
my $t0 = time();
ok($edge->wait_until(sub {
    return $edge->get('/live/studio2/audio.m3u8')->{status} == 200;
}, 3 * $Stentor::Node::PATIENCE), 'a stream that begins is had by the edge');
note(sprintf('after %.1f s', time() - $t0));
cmp_ok($edge->worker_memory() - $memory, '<', $SPARE + 96e6,
       'memory has its bounds');
conforms('who listens hears nothing of it', @{ $l->join()->{violations} });

dry();
$_->stop() for @b;
$_->done('TERM') for $edge, $shield, $origin;
done_testing();
