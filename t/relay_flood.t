#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Thousands of requests for names that somebody makes up, at a node that cannot
# find out that nobody has them: broadcasters are let in as ever, and what is
# asked for in vain takes no more than its places.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Tier;

use Time::HiRes qw(sleep);


need('ffmpeg');

# What AddressSanitizer keeps of what was freed.
my $SPARE = $ENV{STENTOR_ASAN} ? 600e6 : 0;

my @floods;


# Asks for names at a node's path, each once, and does not wait for answers.

sub flood($node, $path) {
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
ok($origin->wait_until(sub { asks($origin)->{wants} > $wants + 200 },
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

done_testing();
