#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The webhook that is asked before a broadcaster may publish, over SRT: whom it
# refuses is connected already, so he is hung up on, and is told the code when
# his encoder comes again.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::SrtCaller;
use Stentor::Webhook;


need('ffmpeg');

my $KEY = 'hush5ecret';
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $dead_port = Stentor::Node::free_port();

system(qw(ffmpeg -nostdin -loglevel error -y -f lavfi -i sine=440:r=48000),
       qw(-t 120 -c:a aac), "$dir/tone.m4a") == 0 or die "no tone.m4a: $?\n";

my %answers = (
    object => [{ status => 200, body => '{}' }],
    rename => [{ status => 200, body => '{"name": "public/one"}' }],
    deny => [{ status => 403, body => qq({"reason": "not $KEY"}) }],
    yields => [{ status => 200, body => '{"takeover": false}' }],
    slow => [{ status => 204, after => 1.5 }],
    mute => [{ never => 1 }],
);
my $hook = Stentor::Webhook->start(answers => {
    map { ("/$_" => $answers{$_}) } keys %answers });

my $node = Stentor::Node->new(srt => [''], linger => '1s', zone => '64m',
    stentor => join("\n    ", map {
        my $url = $_ eq 'down' ? "http://127.0.0.1:$dead_port/"
                               : $hook->url("/$_");
        my $more = $_ eq 'mute' ? 'timeout=500ms fail=open' : 'timeout=10s';

        "application $_ { on_publish $url $more; part_duration 200ms;"
        . ' window 8s; linger 1s; }'
    } sort('down', keys %answers)));


sub calls($id) {
    return Stentor::SrtCaller->connect(port => $node->port_srt(),
                                       streamid => $id);
}

# An encoder, which stays as long as it is let.

sub encoder($id) {
    return Stentor::Encoder->start(file => "$dir/tone.m4a", format => 'mpegts',
        url => $node->srt_url(), log => "$dir/log",
        options => ['-srt_streamid', $id]);
}

sub is_on_air($stream, $what) {
    ok($node->wait_stream($stream, sub ($st) {
        return $st && $st->{session} && $st->{session}{audio_frames};
    }), $what);
}


sub goes_on($stream, $what) {
    my $frames = $node->stream($stream)->{session}{audio_frames};

    ok($node->wait_stream($stream, sub ($st) {
        return $st->{session} && $st->{session}{audio_frames} > $frames;
    }), $what);
}


my $good = encoder("object/s1?key=$KEY&track=1");
is_on_air('object/s1', 'he is on the air, when the answer is good');

my ($asked) = $hook->requests('/object');
my $json = JSON::PP::decode_json($asked->{body});
is($json->{protocol}, 'srt', 'the webhook is told the protocol');
is($json->{name}, 's1', 'and the name');
is_deeply($json->{params}, { key => $KEY, track => '1' },
          'and what came with it');

my $renamed = encoder('#!::r=rename/secret,m=publish');
is_on_air('rename/public/one', 'renamed: under the other name');
ok(!$node->stream('rename/secret'), 'and not under his own');

for my $app ([deny => 1403], [down => 1503]) {
    my ($name, $code) = @$app;
    my $c = calls("$name/s1?key=$KEY");

    is($c->{code}, 0, "$name: connected until it is known");
    ok($c->hung_up(), "$name: then hung up on");
    is(calls("$name/s1?key=$KEY")->{code}, $code,
       "$name: code $code when he comes again");
    ok(!$node->stream("$name/s1"), "$name: no stream");
}

is(scalar($hook->requests('/deny')), 1, 'the webhook was asked once');

my $other = calls('deny/s2');
ok($other->hung_up(), 'another stream of the same address is asked for anew');
is(scalar($hook->requests('/deny')), 2, 'at the webhook, too');

my $first = encoder('yields/s1');
is_on_air('yields/s1', 'takeover: the first one has the stream');

ok(calls('yields/s1')->hung_up(), 'takeover: the second one is hung up on');
is(calls('yields/s1')->{code}, 1409, 'takeover: code 1409');
goes_on('yields/s1', 'takeover: the first one goes on');

# nobody waits for a webhook but he whom it is asked about

my $slow = encoder('slow/s1');
goes_on('object/s1', 'slow: others are heard');
is_on_air('slow/s1', 'slow: he is let in');

my $open = encoder('mute/s1');
is_on_air('mute/s1', 'no answer, and open: let in');

my $ingest = $node->status()->{ingest};
is($ingest->{refused_webhook}, 5, 'refusals are counted, each time');
is($ingest->{webhook_failures}, 2, 'and failures');
is($ingest->{refused_taken}, 2, 'and who may not take a stream');

$_->stop() for $good, $renamed, $first, $slow, $open;
ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 0 }), 'all leave');
unlike($node->log() . $node->stderr(), qr/$KEY/, 'no key in the log');

$node->done('TERM');
done_testing();
