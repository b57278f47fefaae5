#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Upstreams that live and are of no use: their parts come late, or from where
# the asker is; and networks that break in the middle.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::TcpProxy;
use Stentor::Tier;

use File::Temp ();
use Time::HiRes qw(time);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);

my $origin = origin();
my $b = broadcaster($origin);
my @way = map { Stentor::TcpProxy->new(port => $origin->port_http()) } 1, 2;
my @url = map { 'http://127.0.0.1:' . $_->port() . '/relay/' } @way;
my $edge = pulls_from(\@url, cluster => 'relay_lag 300ms;');
my $player = Stentor::Player->start(port => $edge->port_http(),
    dir => "$dir", playlist => '/live/studio1/audio.m3u8');


sub comes_by($n, $what) {
    my $t = time();
    my $s = $edge->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{relay}{upstream} eq $url[$n];
    }, 10, $what);

    return $s ? time() - $t : 99;
}


# n more parts are there, soon.

sub flows($n = 5) {
    my $was = $edge->stream('live/studio1')->{parts};
    return $edge->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{parts} >= $was + $n;
    });
}


comes_by(0, 'the first way');
flows();

# --- late

$way[0]->set(down_delay => 500);
my $took = comes_by(1, 'the second way');
cmp_ok($took, '<', 3, sprintf('parts that come late come another way after '
                              . '%.2f s', $took));
ok($edge->wait_stream('live/studio1', sub ($st) {
    return $st->{relay}{lag_ms} < 300;
}), 'and are not late any more');
like($edge->log(), qr/relay from "\Q$url[0]\E" fails: its parts come late/,
     'which is said');

# --- broken in the middle; there is no other way that is good

$way[0]->set(down_delay => 0);
$way[1]->freeze();
$took = comes_by(0, 'the first way again');
cmp_ok($took, '<', 2, sprintf('a way that is broken is left after %.2f s',
                              $took));
$way[1]->thaw();
flows();

# --- reset; its end is known at once, and the other way may be asked

$way[0]->reset();
ok(flows(), 'a connection that is reset is no end');
is($edge->status()->{relay}{pulls}, 1, 'one pull');

# --- nobody can be reached, and then somebody

$_->freeze() for @way;
ok($edge->wait_stream('live/studio1', sub ($st) {
    return !@{ $st->{relay}{chain} };
}), 'without any way there is no upstream');
$_->thaw() for @way;
ok(flows(), 'what has been missed comes when there is one');

conforms('all that was made has come', differs($edge, $origin));
my $heard = $player->join(0);
conforms('to who listens, too', @{ $heard->{violations} });
$edge->done('TERM');
$_->stop() for @way;

# --- round and round

my $first = Stentor::Node::free_port();
my $second = pulls_from(["http://127.0.0.1:$first/relay/"], id => 'shield-2',
                        role => 'shield', linger => '1s');
$first = pulls_from([$origin, $second], id => 'shield-1', role => 'shield',
                    http => "server { listen 127.0.0.1:$first;"
                            . ' location /relay/ { stentor_relay; } }');
is($second->get('/live/studio1/audio.m3u8')->{status}, 200,
   'a shield behind a shield');
is_deeply(from($second)->{chain}, ['origin-1', 'shield-1'], 'has it from him');

my $pid = $origin->{pid};
$origin->{killed}{$_} = 1 for $origin->worker_pids();
kill('KILL', -$pid);
$origin->reap(5);

ok($first->wait_stream('live/studio1', sub ($st) {
    return !@{ $st->{relay}{chain} };
}), 'when its origin is gone the first has nobody');
ok($second->wait_status(sub ($s) { $s->{relay}{refused} > 0 }),
   'not the one who has it from here');
is_deeply(from($second)->{chain}, ['origin-1', 'shield-1'],
          'who waits for it');

$_->done('TERM') for $second, $first;
done_testing();
