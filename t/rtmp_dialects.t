#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The ways of saying the same over RTMP: chunk sizes, chunk stream numbers,
# header formats, extended timestamps in both dialects, interleaving, pieces
# of the socket, AMF3 wrapping, Enhanced RTMP.  The same frames come out.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

need('ffmpeg');

my $node = Stentor::Node->new(window => '20s', zone => '128m', linger => '60s',
    stream_server => 'stentor_rtmp_media_timeout 30s;');
my $media = Stentor::Media::fixture();

# Frames whose bytes occur once, so that a run of them is unmistakable.
my %times;
$times{$_}++ for @{ $media->{frames} };
my @FRAMES = grep { $times{$_} == 1 } @{ $media->{frames} };
splice(@FRAMES, 60);

# Frames of one length, which a type-3 header needs.
my %by_length;
push(@{ $by_length{ length($_) } }, $_) for @FRAMES, @{ $media->{frames} };


sub ms($k) { return int($k * 1024 / 48 + 0.5) }


sub session($name, %o) {
    return Stentor::RTMP->open(port => $node->port_rtmp(), name => $name,
                               asc => $media->{asc}, %o);
}


# Sends the frames each by its own code: each->(s, frame, k).

sub send_each($name, $each, %o) {
    my $s = session($name, %o);
    my $k = 0;

    for my $frame (@FRAMES) {
        $each->($s, $frame, $k++);
    }

    return $s;
}


my %sent;
my @open;


sub dialect($name, $s, $frames = \@FRAMES) {
    push(@open, $s);
    $sent{$name} = $frames;
}


# --- chunk sizes and chunk streams

for my $size (1, 128, 4096, 65536, 0x7fffffff) {
    dialect("size$size", send_each("size$size", sub ($s, $f, $k) {
        $s->frame($f, ms($k));
    }, size => $size));
}

for my $csid (3, 63, 64, 319, 320, 65599) {
    dialect("csid$csid", send_each("csid$csid", sub ($s, $f, $k) {
        $s->frame($f, ms($k), csid => $csid);
    }));
}

# --- header formats: deltas after the first

dialect('delta', send_each('delta', sub ($s, $f, $k) {
    $k ? $s->frame($f, ms($k) - ms($k - 1), fmt => 1) : $s->frame($f, 0);
}));

{
    my ($most) = sort { @{ $by_length{$b} } <=> @{ $by_length{$a} } }
                 keys %by_length;
    my @same = @{ $by_length{$most} };
    my $s = session('bare');

    for my $k (0 .. $#same) {
        $s->frame($same[$k], $k == 1 ? 21 : 0,
                  fmt => $k < 2 ? $k * 2 : 3);
    }

    cmp_ok(scalar(@same), '>', 3, 'some frames have one length');
    dialect('bare', $s, \@same);
}

# --- extended timestamps: continuation chunks with and without them

for my $once (0, 1) {
    for my $base (0xffffff, 0x1000000, 0xfffffff0) {
        my $name = sprintf('ext%d-%x', $once, $base);

        dialect($name, send_each($name, sub ($s, $f, $k) {
            $s->frame($f, ($base + ms($k)) % 2 ** 32, ext_once => $once);
        }, size => 128));
    }
}

# --- a video message whose chunks lie between those of the audio

dialect('mixed', send_each('mixed', sub ($s, $f, $k) {
    my $audio = $s->frame_bytes($f, ms($k));
    my $video = Stentor::RTMP::message(Stentor::RTMP::VIDEO,
        "\x27\x01" . 'v' x 900, csid => 6, sid => $s->{sid},
        ts => ms($k), size => 128);

    # whole chunks, alternating
    my @a = (substr($audio, 0, 140, ''));
    push(@a, substr($audio, 0, 129, '')) while length($audio);
    my @v = (substr($video, 0, 140, ''));
    push(@v, substr($video, 0, 129, '')) while length($video);

    my $bytes = '';
    while (@a || @v) {
        $bytes .= shift(@v) // '';
        $bytes .= shift(@a) // '';
    }

    $s->send($bytes);
}, size => 128));

# --- the chunk size changes between the chunks of one message

dialect('resized', send_each('resized', sub ($s, $f, $k) {
    my $bytes = $s->frame_bytes($f, ms($k));
    my ($first, $rest) = (substr($bytes, 0, 140), $f);

    $s->send($first);
    $s->set_chunk_size(65536);
    $s->send("\xc4" . substr($rest, 126)) if length($rest) > 126;
    $s->set_chunk_size(128);
}, size => 128));

# --- an abandoned message

dialect('abort', send_each('abort', sub ($s, $f, $k) {
    $s->send(Stentor::RTMP::message(8, 'x' x 128, csid => 5, size => 128,
        sid => $s->{sid}, length => 5000)) if $k % 10 == 5;
    $s->send_message(Stentor::RTMP::ABORT, pack('N', 5), csid => 2)
        if $k % 10 == 5;
    $s->frame($f, ms($k));
}, size => 128));

# --- the socket's pieces

for my $piece (1, 7, 1000) {
    my $s = session("piece$piece");
    my $k = 0;
    my $bytes = join('', map { $s->frame_bytes($_, ms($k++)) } @FRAMES);

    $s->send_pieces($bytes, $piece);
    dialect("piece$piece", $s);
}

# --- a handshake in pieces, with the first commands behind it in one write

{
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->handshake(piece => 100);
    $s->set_chunk_size(4096);
    $s->connect_app('live/');
    $s->publish('slowly?key=value&x');
    $s->config($media->{asc});
    my $k = 0;
    $s->frame($_, ms($k++)) for @FRAMES;
    dialect('slowly', $s);
}

# --- AMF3 messages that wrap AMF0

{
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp());
    $s->handshake();
    $s->set_chunk_size(4096);
    $s->send_message(Stentor::RTMP::COMMAND3, "\0" . Stentor::AMF::encode(
        'connect', \1.0, { app => 'live', objectEncoding => \3.0 }));
    my $v = $s->answer(1) // ['nothing'];
    is($v->[0], '_result', 'amf3: connect');

    $s->send_message(Stentor::RTMP::COMMAND3, "\0" . Stentor::AMF::encode(
        'createStream', \2.0, undef));
    $v = $s->answer(2) // [];
    is($v->[3], 1, 'amf3: the stream is number 1');
    $s->{sid} = $v->[3];

    $s->send_message(Stentor::RTMP::COMMAND3, "\0" . Stentor::AMF::encode(
        'publish', \3.0, undef, 'amf3', 'live'), sid => 1);
    is(($s->on_status() // {})->{code}, 'NetStream.Publish.Start',
       'amf3: publish');

    $s->config($media->{asc});
    my $k = 0;
    $s->frame($_, ms($k++)) for @FRAMES;
    dialect('amf3', $s);
}

# --- Enhanced RTMP with AAC

{
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'ex');
    my $k = 0;
    $s->audio("\x90mp4a$media->{asc}", 0);
    $s->audio("\x91mp4a$_", ms($k++)) for @FRAMES;
    dialect('ex', $s);
}

# --- what the server says by itself

{
    my $s = session('talk');
    my %types = map { $_->{type} => $_->{body} } @{ $s->{messages} };

    ok(exists $types{5}, 'says its window size');
    ok(exists $types{6}, 'sets the peer\'s bandwidth');
    ok(exists $types{1}, 'sets its chunk size');

    $s->send_message(Stentor::RTMP::WINDOW_ACK, pack('N', 10000), csid => 2);
    $s->send_message(Stentor::RTMP::USER_CONTROL, pack('n N', 6, 4711),
                     csid => 2);

    ok($s->wait_for(sub {
        return scalar(grep { $_->{type} == 4
                             && $_->{body} eq pack('n N', 7, 4711) }
                      @{ $s->{messages} });
    }), 'answers a ping');

    my $k = 0;
    $s->frame($_, ms($k++)) for @FRAMES;

    ok($s->wait_for(sub {
        return scalar(grep { $_->{type} == 3 } @{ $s->{messages} });
    }), 'acknowledges every window');

    dialect('talk', $s);
}

# --- everything comes out

my %left = %sent;
my $parts = -1;

$node->wait_until(sub {
    my $s = $node->status();
    my $now = 0;
    $now += $_->{parts} for @{ $s->{streams} };
    return 0 if $now < $parts + keys(%left);
    $parts = $now;

    for my $name (keys %left) {
        my $hay = eval { (heard($node, $name))[0] } or next;
        delete $left{$name} if defined find_run($hay, $left{$name});
    }

    return !%left;
}, 20);

for my $name (sort keys %sent) {
    ok(!exists $left{$name}, "$name: the same frames come out")
        or diag(eval { find_best((heard($node, $name))[0], $sent{$name}) }
                // "nothing: $@");
}

is($node->status()->{ingest}{protocol_errors}, 0, 'nothing was an error');

$_->unpublish() for @open;
$node->done('TERM');
done_testing();
