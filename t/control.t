#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Doors open before anybody comes: streams that the operator opens and closes
# over HTTP, and those that the configuration names.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use Time::HiRes qw(time);


need('ffmpeg');

my %SHORT = (segment_parts => 3, window => '4s', linger => '300ms');
my $PART = 0.2;
my $OBS_ASC = "\x11\x90\x56\xe5\x00";
my $media = Stentor::Media::fixture(freq => 880);


# The full name of a stream, as the API wants it.

sub opens($node, $name, $what) {
    my $r = $node->control('open', $name);

    is($r->{status}, 200, $what) or diag($r->{body});
    is($r->{json}{state}, 'hold', "$what: hold");
    return $r;
}


sub state_of($node, $name) {
    my $st = $node->stream($name);
    return $st ? "$st->{state} by $st->{opened_by}" : 'none';
}


# n more parts than there are now, so that what was to happen has happened.

sub goes_on($node, $name, $n, $what) {
    my $from = ($node->stream($name) // {})->{parts} // 0;

    return ok($node->wait_stream($name, sub ($st) {
        return $st && $st->{state} ne 'closed' && $st->{parts} >= $from + $n;
    }, $Stentor::Node::PATIENCE, $what), $what);
}


# What a broadcaster is told who asks for a name and sends audio.

sub told($node, $name) {
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => $name,
                                asc => $media->{asc});
    $s->frames($media->{frames}, 0, 3);
    my $info = $s->on_status();
    $s->close();

    return $info // {};
}


my $node = Stentor::Node->new(%SHORT);

# --- opened, and listened to at once

my $t0 = time();
my $r = opens($node, 'live/x', 'open');
my $t1 = time();
is($r->{json}{stream}, 'live/x', 'the answer names it');
like($r->{headers}{'content-type'}, qr{^application/json$}, 'in JSON');
is($r->{headers}{'cache-control'}, 'no-store', 'for nobody else');

for (1 .. 4) {
    my $p = playlist($node, 'x');
    cmp_ok(scalar(@{ $p->{segments} }), '>=', 6, 'the playlist is whole');
    conforms('and conforms', Stentor::Conformance::check($p));
}

my $first = playlist($node, 'x');
my $end = $first->{segments}[-1]{pdt_ms} / 1000
          + $first->{segments}[-1]{duration};
$end += $_->{DURATION} for @{ $first->{open}{parts} };
cmp_ok($end, '>', $t0 - $PART, 'and up to date');
note(sprintf('opened in %.0f ms', 1000 * ($t1 - $t0)));

my $l = listener($node, path => '/live/x', keep => 1);
ok($l->parts(4), 'it goes on');

my $list = $node->get('/control/streams');
my ($entry) = grep { $_->{stream} eq 'live/x' }
              @{ JSON::PP::decode_json($list->{body})->{streams} };
is_deeply({ %{ $entry // {} }, opened_s => 0 },
          { stream => 'live/x', state => 'hold', opened_by => 'control',
            opened_s => 0, broadcaster => JSON::PP::false }, 'it is listed');
is($node->get('/control/')->{status}, 200, 'without a word, too');

my $epoch = $node->stream('live/x')->{epoch};
opens($node, 'live/x', 'opened again');
is($node->stream('live/x')->{epoch}, $epoch, 'nothing happens');

# --- its broadcaster comes

my $b = broadcaster($node, name => 'x', media => $media);
$r = $node->control('open', 'live/x');
is($r->{json}{state}, 'live', 'opened once more: it is live');

$b = broadcaster($node, name => 'x',
                 media => { %$media, asc => $OBS_ASC });
ok($l->run(sub ($l) {
    return abs(($l->tone(4) // 0) - 880) < 10;
}), 'an AAC-LC broadcaster is heard, one like OBS as well');
is($node->stream('live/x')->{repairs}{formats}, 0,
   'without another format');
unlike($l->{playlist}{text}, qr/^#EXT-X-DISCONTINUITY$/m,
       'without a discontinuity');

$b->stop();
goes_on($node, 'live/x', 6, 'he leaves: it stays for more than the linger');
conforms('one unbroken programme', @{ $l->{violations} });
is(state_of($node, 'live/x'), 'hold by control', 'the operator has it');

# --- one that a broadcaster has opened already

$b = broadcaster($node, name => 'y', media => $media);
is(state_of($node, 'live/y'), 'live by broadcaster', 'opened by him');
is($node->control('open', 'live/y')->{json}{state}, 'live', 'then opened');
is(state_of($node, 'live/y'), 'live by control', 'the operator has it now');
$b->stop();
goes_on($node, 'live/y', 6, 'it does not end when he leaves');

# --- closed

$b = broadcaster($node, name => 'x', media => $media);
my $heard = listener($node, path => '/live/x', edge => 1);
$heard->step();

$t0 = time();
$r = $node->control('close', 'live/x');
is($r->{status}, 200, 'close') or diag($r->{body});
is_deeply($r->{json}, { stream => 'live/x', state => 'closed' }, 'closed');
cmp_ok(time() - $t0, '<', 4 * $PART, 'within about a part');
ok($heard->run(sub ($l) { $l->{playlist}{ended} }, 5), 'the playlist ends');
conforms('and conforms', @{ $heard->{violations} });
ok($b->closed(5), 'the broadcaster is sent away');

my $info = told($node, 'x');
is($info->{code}, 'NetStream.Publish.Denied', 'he may not come back');
like($info->{description} // '', qr/operator has closed/, 'and is told why');
is($node->status()->{ingest}{refused_closed}, 1, 'which is counted');
is($node->status()->{ingest}{refused_codec}, 0, 'as what it is');
is($node->control('close', 'live/x')->{status}, 404, 'closed again: 404');
is($node->control('close', 'live/none')->{status}, 404, 'nobody: 404');

# --- and opened again

my $last = $heard->{playlist}->last_msn();
opens($node, 'live/x', 'opened after that');
my $p = playlist($node, 'x');
cmp_ok($p->{open}{msn}, '>', $last, 'its numbers go on above');
conforms('it conforms', Stentor::Conformance::check($p));
$b = broadcaster($node, name => 'x', media => $media);
ok(!$b->closed(0.01), 'he may come again');
$b->stop();

# --- wishes that cross: the last word is what counts

$l = listener($node, path => '/live/y');
$l->step();

for my $n (0 .. 5) {
    my @c = map { $node->http() } 1 .. 2;
    my $log = length($node->log());

    $c[0]->post('/control/close', '{"stream":"live/y"}');
    $node->wait_until(sub {
        return substr($node->log(), $log) =~ /closes stream "live\/y"/;
    });
    $node->status() for 1 .. 6 * $n;       # later and later
    $c[1]->post('/control/open', '{"stream":"live/y"}');

    my @r = map { $_ ? $_->{status} : 'none' } Stentor::HTTP::wait_all(\@c);
    is($r[1], 200, "$n: opened while it closes");
    like($r[0], qr/^(?:200|409)$/, "$n: whoever closes it is answered");
    last if $r[0] == 200;              # it was closed in between
    ok($l->parts(2, 5), "$n: it goes on");
}

conforms('unbroken', @{ $l->{violations} });

is(state_of($node, 'live/y'), 'hold by control', 'it is open');

# --- opened while its broadcaster comes: it is the operator's all the same

my @names = map { "race$_" } 1 .. 6;

for my $name (@names) {
    my $c = $node->http();
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => $name);
    $c->post('/control/open', qq({"stream":"live/$name"}));
    $s->config($media->{asc});
    $s->frames($media->{frames}, 0, 12);
    $r = $c->response();
    is($r->{status}, 200, "$name: a broadcaster at the same time");
    $s->close();
}

my $streams = $node->wait_status(sub ($s) {
    my %by = map { $_->{name} => $_->{opened_by} } @{ $s->{streams} };
    return @names == grep { ($by{"live/$_"} // '') eq 'control' } @names;
}, 3, 'the operator has them');
ok($streams, 'all of them are the operator\'s');

is($node->control('close', "live/$_")->{status}, 200, "$_ is closed")
    for @names;

conforms('nobody else noticed', Stentor::Conformance::check(
    playlist($node, 'x')));
$node->done('TERM');
done_testing();
