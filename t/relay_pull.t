#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A node that does not have a stream gets it from another one: at once, once
# whatever the number of its listeners, byte for byte, as long as somebody
# wants it, and to its end.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Media;
use Stentor::Tier;

use Time::HiRes qw(time sleep);


need('ffmpeg');

my $PLAYLIST = '/live/studio1/audio.m3u8';


sub relays($node) { return $node->status()->{relay} }


# The same version of a playlist from both: what comes next.

sub next_of($path, @nodes) {
    my $p = Stentor::Playlist::parse($nodes[0]->get($path)->{text});
    my ($msn, $part) = $p->next_part();

    return map { $_->get("$path?_HLS_msn=$msn&_HLS_part=$part")->{text} }
           @nodes;
}


my $origin = origin();
my $b = broadcaster($origin);
my $edge = pulls_from([$origin], cluster => 'relay_idle 2s;');

# --- cold, with fifty at once

my @all = map { $edge->http() } 1 .. 50;
my $t0 = time();
$_->request('GET', $PLAYLIST) for @all;
my @answers = map { $_->response() } @all;
my $took = time() - $t0;

is(scalar(grep { $_ && $_->{status} == 200 } @answers), 50,
   'all who come at once get a playlist');
cmp_ok($took, '<', 0.5, sprintf('soon: after %.3f s', $took));
cmp_ok(keys(%{ { map { $_->{headers}{'x-worker'} => 1 } @answers } }), '==', 2,
       'from both workers');
is(relays($edge)->{connects}, 1, 'with one connection to the origin');
is(relays($origin)->{sessions}, 1, 'which it knows of');

# --- all of it is the same

my $l = listener($edge);
ok($l->parts(20), 'parts come');
conforms('a listener of the edge has nothing to complain about',
         @{ $l->{violations} });
conforms('the edge has what the origin has', differs($edge, $origin));
conforms('the origin has what the edge has', differs($origin, $edge));

my ($here, $there) = next_of($PLAYLIST, $origin, $edge);
is($there, $here, 'playlists are the same');
($here, $there) = next_of($PLAYLIST =~ s/\.m3u8/-std.m3u8/r, $origin, $edge);
is($there, $here, 'classic ones, too');

my $relay = from($edge);
is($relay->{upstream}, relay_url($origin), 'status: whom it comes from');
is_deeply($relay->{chain}, ['origin-1'], 'status: by whose hands');
cmp_ok($relay->{behind_ms}, '<', 150, 'status: how far it is behind');
is(relays($edge)->{connects}, 1, 'still one connection');
is(relays($edge)->{pulls}, 1, 'and one pull');

# --- the last one goes

$t0 = time();
ok($edge->wait_stream('live/studio1', sub ($st) { !$st }, 15),
   'without listeners it is not pulled any more');
cmp_ok(time() - $t0, '>', 1.5, 'but not before relay_idle');
is(relays($edge)->{pulls}, 0, 'no pull');
ok($origin->wait_status(sub ($s) { $s->{relay}{sessions} == 0 }),
   'and none at the origin');
is($edge->get($PLAYLIST)->{status}, 200, 'the next one gets it again');
conforms('the same again', differs($edge, $origin));

# --- what nobody has

my $asked = relays($origin)->{requests};
my @none = map { $edge->http() } 1 .. 100;
$t0 = time();
$_->request('GET', '/live/nobody/audio.m3u8') for @none;
my @said = map { $_->response(20) } @none;
$took = time() - $t0;

is(scalar(grep { $_ && $_->{status} == 404 } @said), 100,
   'there is no such stream, anywhere');
cmp_ok(relays($origin)->{requests} - $asked, '<=', 1 + $took,
       sprintf('the origin is asked once a second for it (%.1f s)', $took));
cmp_ok(relays($origin)->{requests} - $asked, '>=', 1, 'but it is asked');

# --- who comes before it begins is held, and hears it

my $early = $edge->http();
$early->request('GET', '/live/later/audio.m3u8');
sleep(0.3);
my $later = broadcaster($origin, name => 'later');
my $first = $early->response(10);
is($first && $first->{status}, 200, 'a stream that begins is there at once');
$later->stop();

# --- the end

$l = listener($edge, edge => 1);
ok($l->parts(5), 'heard again');
$b->stop();
$l->run(sub { 0 }, 10);
ok($l->{playlist}{ended}, 'the end of the stream is the end here');
conforms('in order', @{ $l->{violations} });
is($edge->stream('live/studio1')->{state}, 'closed', 'status: closed');
$asked = relays($origin)->{requests};
is($edge->get($PLAYLIST)->{status}, 200, 'it can be read still');
is(relays($origin)->{requests}, $asked, 'and is not asked for again');

# --- and its next beginning

$b = broadcaster($origin);
$t0 = time();
ok($edge->wait_until(sub {
    my $r = $edge->get($PLAYLIST);
    return $r->{status} == 200 && $r->{text} !~ /EXT-X-ENDLIST/;
}), 'when it begins again those who come hear it');
cmp_ok(time() - $t0, '<', 3, sprintf('after %.1f s', time() - $t0));
$l = listener($edge, edge => 1);
ok($l->parts(5), 'and go on hearing it');
conforms('in order', @{ $l->{violations} });
conforms('the edge has what the origin has', differs($edge, $origin));
$b->stop();

$_->done('TERM') for $edge, $origin;
done_testing();
