#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The most sessions of the node and of an address: who is one too many is told
# so, by RTMP and by SRT, and places are given back however a session ends,
# the death of its worker and a reload included.  Who sends too much by SRT is
# told so when he comes again (by RTMP: on_publish.t).

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Keys;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Webhook;


need('ffmpeg');

use constant OVERLOAD => 1402;         # a reject code of SRT's

my $ADDRESS = 'this address has as many sessions as it may';
my $NODE = 'the node has as many broadcasters as it may';
my ($ann, $ben, $cid) = map { an_address() } 1 .. 3;

my $hook = Stentor::Webhook->start(answers => {
    '/mute' => [{ never => 1 }], '/deny' => [{ status => 403 }] });
my $node = Stentor::Node->new(
    stentor => 'sessions 3 per_address=2;'
               . ' application mute { on_publish ' . $hook->url('/mute')
               . ' timeout=30s; }'
               . ' application deny { on_publish ' . $hook->url('/deny')
               . '; } application slim { ingest_max_bitrate 64000; }',
    stream_server => 'stentor_rtmp_media_timeout 60s;',
    srt => ['media_timeout=60s'],
);
my $n = 0;


sub ingest() { return $node->status()->{ingest} }


sub comes($from, $what, %o) {
    return let_in($node, 's' . $n++, $what, from => $from, %o);
}


sub calls($from) {
    return Stentor::SrtCaller->connect(port => $node->port_srt(),
        streamid => 'live/s' . $n++, from => $from);
}


# Two tests of one who is one too many.

sub refused($from, $reason, $what) {
    my ($before, $at) = (ingest()->{refused_sessions}, length($node->log()));

    is(refusal_of($node, 's' . $n++, from => $from),
       "error NetStream.Publish.Denied $reason", "$what: told so");
    is(calls($from)->{code}, OVERLOAD, "$what: by SRT, too");
    is(ingest()->{refused_sessions}, $before + 2, "$what: counted");

    my $log = substr($node->log(), $at);
    like($log, qr/ is refused: $reason while .*client: \Q$from\E,/,
         "$what: logged");
    like($log, qr/caller \Q$from\E is refused with code 1402: $reason$/m,
         "$what: logged by SRT");
}


# Whether somebody from that address gets in before the deadline; he is gone
# then.

sub room_for($from) {
    return $node->wait_until(sub {
        my ($s, $said) = knock($node, 's' . $n++, from => $from);
        $s->finish();
        return $said->{code} eq 'NetStream.Publish.Start';
    });
}


# Once nobody is there.

sub empties() {
    ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 0 }),
       'all are gone');
}


# --- of an address, of the node

my @idle = map {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp(), from => $ann);
    $s->handshake();
    $s->connect_app('live');
    $s;
} 1 .. 3;

my @s = map { comes($ann, "of two: $_") } 1, 2;
refused($ann, $ADDRESS, 'the third of an address');
push(@s, comes($ben, 'another address'));
refused($ben, $NODE, 'the fourth of all');
refused($cid, $NODE, 'whoever it is');

$_->close() for @idle;

# --- given back

(pop @s)->finish();
ok(room_for($cid), 'one leaves in order: another gets in');
$s[0]->close(reset => 1);
ok(room_for($ann), 'one is reset: he gets in again');
(shift @s)->close();
(shift @s)->unpublish();
empties();

# --- by SRT

my @c = map { calls($ann) } 1, 2;
is(join(' ', map { $_->{code} } @c), '0 0', 'two by SRT');
ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 2 }),
   'they are there');
is(calls($ann)->{code}, OVERLOAD, 'the third of an address');
is(refusal_of($node, 'x', from => $ann),
   "error NetStream.Publish.Denied $ADDRESS", 'by RTMP, too');
my $c = calls($ben);
is($c->{code}, 0, 'another address');
$_->shutdown() for @c, $c;
empties();
ok(room_for($ann), 'they leave: there is room');

# --- who sends too much by SRT

my $at = length($node->log());
my $stuffing = "\x47\x1f\xff\x10" . "\xff" x 184;
my $much = sub { $stuffing x 7 };



sub sends($name) {
    return Stentor::SrtCaller->connect(port => $node->port_srt(),
        streamid => "slim/$name", from => $ben);
}


for my $name (qw(a b c d e)) {
    $c = sends($name);
    is($c->{code}, 0, "$name sends too much: let in");
    ok($c->run($much, 0.0002), 'and hung up on');
    empties();
}

like(substr($node->log(), $at), qr/refused: more than 64000 bit\/s are not/,
     'the log says why');
is(ingest()->{refused_bitrate}, 5, 'each is counted, once');
is(sends('a')->{code}, OVERLOAD, 'and told so when he comes again');

# --- whom a webhook is asked about

sub asks($from) {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp(), from => $from);
    $s->handshake();
    $s->connect_app('mute');
    $s->send_publish('s' . $n++);
    return $s;
}


@s = map { asks($ann) } 1, 2;
ok($hook->wait_for(2, '/mute'), 'a webhook is asked about two');
refused($ann, $ADDRESS, 'the third meanwhile');
$_->close() for @s;
ok(room_for($ann), 'they leave: there is room');

for my $k (1 .. 4) {
    my ($s, $said) = knock($node, 'x', app => 'deny', from => $ann);
    is($said->{description}, 'publishing is denied', "denied by it: $k");
    $s->finish();
}

ok(room_for($ann), 'who was has no place');

# --- a worker is killed

@s = (map({ comes($ann, "of two: $_") } 1, 2), comes($ben, 'and one'));
$node->kill_worker('KILL', $_) for $node->worker_pids();
ok($_->wait_close(), 'workers are killed: a session is gone') for @s;
@s = (map({ comes($ann, "of two again: $_") } 1, 2), comes($ben, 'and one'));
refused($ben, $NODE, 'all places are taken again');

# --- a reload

$node->reload();
refused($ann, $NODE, 'old sessions count after a reload');
(shift @s)->unpublish();
ok(room_for($cid), 'and give their places back');
push(@s, comes($cid, 'he stays'));

my $conf = $node->dir() . '/nginx.conf';
Stentor::Node::spew($conf, Stentor::Node::slurp($conf)
                           =~ s/sessions 3/sessions 4/r);
$node->reload();
push(@s, comes($ben, 'more are allowed: the fourth gets in'));
refused($cid, $NODE, 'the fifth');

like($node->get('/metrics')->{body},
     qr/^stentor_ingest_refused_sessions_total
        \ @{[ ingest()->{refused_sessions} ]}$/mx,
     'the metrics have the counter');

$_->unpublish() for @s;
empties();
$node->done('TERM');

# --- errors

for my $case (['none', '0', 'must be between 1 and 4096'],
              ['too many', '4097', 'must be between 1 and 4096'],
              ['no number', 'x', 'must be between 1 and 4096'],
              ['none of an address', '5 per_address=0',
               'invalid parameter "per_address=0"'],
              ['no number of an address', '5 per_address=',
               'invalid parameter "per_address="'],
              ['something else', '5 peraddress=2',
               'invalid parameter "peraddress=2"'],
              ['twice', '5; sessions 6', 'is duplicate'])
{
    my ($what, $value, $reason) = @$case;
    my ($rc, $said) = Stentor::Node->check(stentor => "sessions $value;");

    isnt($rc, 0, "$what: an error");
    like($said, qr/\[emerg\].*\Q$reason\E/, "$what: it says why");
}

done_testing();
