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

use IPC::Open2;
use IO::Select;
use JSON::PP ();
use Time::HiRes qw(time);

use Stentor::Kit;
use Stentor::Cluster;
use Stentor::Crowd;

need(qw(ffmpeg node chromium redis-server cc));

my $top = $Stentor::Node::TOP;

for my $path ("$top/build/html/vendor/hls.min.js",
              "$top/node_modules/playwright-core/package.json")
{
    next if -e $path;
    die "no $path\n" if $ENV{CI};
    plan(skip_all => "needs $path: scripts/build-html --dev");
}

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
    my $pid = open2(my $out, my $in, 'node', "$top/t/browser/steering.js",
                    $c->edge(1)->url('/?stream=live/studio1'));
    my $page = { pid => $pid, out => $out, in => $in, said => '', text => '' };

    $out->blocking(0);
    hears($page, qr/^# \d+ from \Q$one\E$/m, 30, 'plays from the first edge');
    hears($page, qr/^# \d+ live$/m, 30, 'it is heard');

    return $page;
}


sub hears($page, $like, $seconds, $what) {
    my $deadline = time() + $seconds;
    my $s = IO::Select->new($page->{out});

    while ($page->{said} !~ $like && time() < $deadline) {
        next if !$s->can_read(0.2);
        sysread($page->{out}, $page->{said}, 65536, length($page->{said}))
            // next;
        last if $s->can_read(0) && eof($page->{out});
    }

    my $ok = $page->{said} =~ $like;
    ok($ok, $what) or diag($page->{said});

    return $ok;
}


# Ends it; what it has seen.

sub seen($page) {
    close($page->{in});
    hears($page, qr/^\{.*\}$/m, 20, 'the browser ends');
    waitpid($page->{pid}, 0);

    my ($json) = $page->{said} =~ /^(\{.*\})$/m;
    diag($page->{said}) if $ENV{STENTOR_KEEP};

    return $json ? JSON::PP::decode_json($json) : {};
}


sub unbroken($page, $seen, $what) {
    cmp_ok($seen->{still_ms} // 1e9, '<', $STILL_MS, "$what: it never stops")
        or diag($page->{said});
    is_deeply([ grep { $_->[1] } @{ $seen->{errors} // [] } ], [],
              "$what: no fatal error");
    unlike($page->{said}, qr/^# \d+ (?:stalled|off air)$/m,
           "$what: the page says nothing of it");
    is($seen->{state}, 'live', "$what: it plays in the end");
    cmp_ok($seen->{level} // -120, '>', -60, "$what: and is heard");
}


# --- the edge dies

my $page = page();

$c->edge(1)->kill_it();
hears($page, qr/^# \d+ from \Q$two\E$/m, 20, 'goes on from the other edge');

# long enough for what was buffered to be over
my $from = time();
$c->edge(2)->wait_until(sub { time() - $from > 6 }, 10);

unbroken($page, seen($page), 'an edge dies');


# --- the edge is full

# of a crowd of 24 that does not go when it is told to, all but three are to
# go, each time that some are chosen

$c->edge(1)->start();
$c->wait_met();

$page = page();

my $crowd = Stentor::Crowd->new([ $c->edge(1)->port_http() ],
                                listeners => 24, hold_back => 3);
hears($page, qr/^# \d+ from \Q$two\E$/m, 30, 'is sent to the other edge');

$from = time();
$c->edge(2)->wait_until(sub { time() - $from > 6 }, 10);

my $seen = seen($page);
unbroken($page, $seen, 'an edge is full');
is_deeply($seen->{errors}, [], 'without any error');
is($seen->{pathways}[-1], 'edge-2', 'and the other edge keeps it');

$crowd->end();
$b->stop();
$c->done();
done_testing();
