#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Broadcasters of other codecs than AAC, as ffmpeg really sends them: a stream
# that is passed through refuses each, says which codec it is and what to do,
# and counts it once.  What Enhanced RTMP asks on connecting is answered.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my ($node, $good) = on_air();
my $asked = 0;


sub refused() { return $node->status()->{ingest}{refused_codec} }


# refuses(codec, code): what code does is refused, told in the log and counted.

sub refuses($codec, $code) {
    my $before = refused();
    my $seen = length($node->log());

    $code->();
    $asked++;

    ok($node->wait_status(sub ($s) {
        return $s->{ingest}{refused_codec} > $before;
    }, 5, "$codec: refused_codec"), "$codec: refused");

    like(substr($node->log(), $seen), qr/broadcaster\ is\ refused:
        \ \Q$codec\E\ audio\ is\ not\ passed\ through:
        \ configure\ a\ rendition/x, "$codec: the log says why");
}


# --- ffmpeg itself, with the MP3 that it makes by default

SKIP: {
    skip('this ffmpeg encodes no MP3', 3)
        if `ffmpeg -hide_banner -encoders 2>&1` !~ /\blibmp3lame\b/;

    refuses('MP3', sub {
        system('ffmpeg', '-nostdin', '-loglevel', 'quiet', '-re', '-f',
               'lavfi', '-i', 'sine=440:r=44100:d=30', '-c:a', 'libmp3lame',
               '-ar', '44100', '-f', 'flv', $node->push_url('mp3live'));
        isnt($?, 0, 'ffmpeg is not let through to its end');
    });
}

# --- recordings

for my $case (['mp3', 'MP3'], ['opus', 'Opus'], ['flac', 'FLAC'],
              ['ac3', 'AC-3'], ['eac3', 'E-AC-3'], ['tracks', 'Opus'])
{
    my ($name, $codec) = @$case;

    refuses($codec, sub {
        my $s = Stentor::RTMP->replay($node->port_rtmp(),
            capture($name, 'refused'));
        my $info = $s->expect(sub (@v) {
            return $v[0] eq 'onStatus' && $v[3]{level} eq 'error';
        });
        $info = $info ? $info->[3] : {};
        is($info->{code} // '', 'NetStream.Publish.Denied', "$name: code");
        like($info->{description} // '', qr/^\Q$codec\E audio/,
             "$name: the broadcaster is told why");
        $s->close();
    });
}

# --- one who goes on in another codec

{
    my $media = Stentor::Media::fixture();
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'turncoat',
                                asc => $media->{asc});

    $s->frames($media->{frames}, 0, 60);
    $node->wait_stream('live/turncoat', sub ($st) {
        return ($st->{state} // '') eq 'live';
    }, 5, 'live before the change');

    refuses('MP3', sub { $s->audio("\x2f\xff\xfb\x90\x64" . 'x' x 400, 1300) });
    ok($node->wait_stream('live/turncoat', sub ($st) {
        return ($st->{state} // '') eq 'hold';
    }, 5, 'on hold after the change'), 'the stream goes on without him');
    $s->close();
}

# --- a config that no decoder could do with

{
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'broken');

    refuses('Opus', sub { $s->audio("\x90Opus" . 'x' x 20, 0) });
    $s->close();
}

# --- what Enhanced RTMP asks

{
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->handshake();
    my $v = $s->connect_app('live', capsEx => \3.0, fourCcList => ['*'],
                            audioFourCcInfoMap => { 'Opus' => \2.0 });
    is_deeply($v->[2]{fourCcList}, ['mp4a'], 'the codecs that are taken');
    is_deeply([ keys %{ $v->[2]{audioFourCcInfoMap} } ], ['mp4a'],
              'and as a map');
    is($v->[2]{capsEx}, 0, 'no extended capability');
    $s->close();

    $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->handshake();
    $v = $s->connect_app('live');
    is_deeply([ sort keys %{ $v->[2] } ], ['capabilities', 'fmsVer'],
              'a client of old is told nothing new');
    $s->close();
}

my $ingest = $node->status()->{ingest};
is($ingest->{refused_codec}, $asked, 'each was counted once');
is($ingest->{protocol_errors}, 0, 'none as an error of the protocol');
is($node->stream('live/studio1')->{state}, 'live',
   'the good stream is live all the while');

$good->stop();
$node->done();
done_testing();
