#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The listener page, in a real Chromium with hls.js, and its nodes: it plays
# from one edge, which then dies, or is full, and goes on from another one
# without a break.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw(time);

use Stentor::Kit;
use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Steered;

need(qw(ffmpeg redis-server cc));
need_page();

my $top = $Stentor::Node::TOP;

# a listener's clock may be late to be seen to move, but not for long
my $STILL_MS = 400;

my %html = (stentor => 'steering_ttl 1s;',
            http => "include /etc/nginx/mime.types;",
            http_server => "location / { root $top/build/html; }");
my $c = Stentor::Cluster->new(
    origins => 1, edges => 2, part_duration => '1s', window => '60s',
    node => { edge => \%html, 'edge-1' => { capacity => 4 },
              'edge-2' => { capacity => 100 } },
);
my $b = broadcaster($c->origin());
my ($one, $two) = map { '127.0.0.1:' . $c->edge($_)->port_http() } 1, 2;


# --- a page and what it says

# Opens edge 1's page and waits until it plays from there.

sub page() {
    my $page = Stentor::Steered->new($c->edge(1)->url('/?stream=live/studio1'));

    $page->hears(qr/^# \d+ from \Q$one\E$/m, 30, 'plays from the first edge');
    $page->hears(qr/^# \d+ live$/m, 30, 'it is heard');

    return $page;
}


sub unbroken($page, $seen, $what) {
    cmp_ok($seen->{still_ms} // 1e9, '<', $STILL_MS, "$what: it never stops")
        or diag($page->said());
    is_deeply([ grep { $_->[1] } @{ $seen->{errors} // [] } ], [],
              "$what: no fatal error");
    unlike($page->said(), qr/^# \d+ (?:stalled|off air)$/m,
           "$what: the page says nothing of it");
    is($seen->{state}, 'live', "$what: it plays in the end");
    cmp_ok($seen->{level} // -120, '>', -60, "$what: and is heard");
}


# --- the edge dies

my $page = page();

$c->edge(1)->kill_it();
$page->hears(qr/^# \d+ from \Q$two\E$/m, 20, 'goes on from the other edge');

# long enough for what was buffered to be over
my $from = time();
$c->edge(2)->wait_until(sub { time() - $from > 6 }, 10);

unbroken($page, $page->seen(), 'an edge dies');


# --- the edge is full

# of a crowd of 24 that does not go when it is told to, all but three are to
# go, each time that some are chosen

$c->edge(1)->start();
$c->wait_met();

$page = page();

my $crowd = Stentor::Crowd->new([ $c->edge(1)->port_http() ],
                                listeners => 24, hold_back => 3);
$page->hears(qr/^# \d+ from \Q$two\E$/m, 30, 'is sent to the other edge');

$from = time();
$c->edge(2)->wait_until(sub { time() - $from > 6 }, 10);

my $seen = $page->seen();
unbroken($page, $seen, 'an edge is full');
is_deeply($seen->{errors}, [], 'without any error');
is($seen->{pathways}[-1], 'edge-2', 'and the other edge keeps it');

$crowd->end();
$b->stop();
$c->done();
done_testing();
