#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Broadcasters that are broken or hostile: each is closed or refused within
# its time, counted once, and a good stream beside them never notices.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my ($node, $good) = on_air(stream_server => <<'END');
        stentor_rtmp_handshake_timeout 1s;
        stentor_rtmp_media_timeout 1s;
END

my $media = Stentor::Media::fixture();
my $witness = Stentor::Listener->fork_run(120,
    port => $node->port_http(), edge => 1);
my $memory = $node->worker_memory();


# counted(what, counters, code): one of the ingest counters has risen.

sub counted($what, $counters, $code) {
    my @names = ref($counters) ? @$counters : ($counters);
    my $before = $node->status()->{ingest};

    ok($code->(), $what);

    ok($node->wait_status(sub ($s) {
        return scalar(grep { $s->{ingest}{$_} > $before->{$_} } @names);
    }, 5, "$what: @names"), "$what: counted");
}


sub tcp(%o) {
    return Stentor::RTMP->connect(port => $node->port_rtmp(), %o);
}


sub shaken() {
    my $s = tcp();
    $s->handshake();
    return $s;
}


sub connected() {
    my $s = shaken();
    $s->set_chunk_size(4096);
    $s->connect_app('live');
    return $s;
}


sub published($name) {
    return Stentor::RTMP->open(port => $node->port_rtmp(), name => $name);
}


# An error before connect was accepted counts among the failed handshakes.
my $BROKEN = ['protocol_errors', 'handshake_failures'];


# Sends bytes on a connection; true when the server closes it.

sub closes($s, $bytes = '') {
    $s->send($bytes) if length($bytes);
    return $s->wait_close(5);
}


# --- before the handshake is done

counted('garbage', 'handshake_failures', sub {
    closes(tcp(), pack('C*', map { 32 + $_ % 90 } 1 .. 4000)) });

counted('http on the rtmp port', 'handshake_failures', sub {
    closes(tcp(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n" . 'x' x 2000) });

counted('encrypted rtmp', 'handshake_failures', sub {
    closes(tcp(), "\x06" . Stentor::RTMP::c1()) });

counted('half a handshake', 'timeouts', sub {
    closes(tcp(), "\x03" . substr(Stentor::RTMP::c1(), 0, 700)) });

counted('a connection that says nothing', 'timeouts', sub {
    closes(tcp()) });

counted('a slow loris', 'timeouts', sub {
    my $s = tcp();
    $s->send("\x03");
    for (1 .. 100) {
        $s->send('x');
        return 1 if $s->wait_close(0.1);
    }
    return 0;
});

counted('a handshake and no more', 'timeouts', sub { closes(shaken()) });

# --- chunks and messages

counted('chunk size zero', $BROKEN, sub {
    closes(shaken(), Stentor::RTMP::message(1, pack('N', 0), csid => 2)) });

counted('a command of 16 MB', $BROKEN, sub {
    closes(shaken(), Stentor::RTMP::message(20, 'x' x 128,
                                            length => 0xffffff)) });

counted('an audio message of 16 MB', $BROKEN, sub {
    my $s = published('huge');
    closes($s, Stentor::RTMP::message(8, "\xaf\x01" . 'x' x 4094,
        size => 4096, csid => 4, sid => 1, length => 0xffffff)) });

counted('a chunk of a message nobody began', $BROKEN, sub {
    closes(shaken(), Stentor::RTMP::basic(3, 9) . 'x' x 200) });

counted('a flood of chunk streams', $BROKEN, sub {
    my $s = shaken();
    my $bytes = join('', map {
        Stentor::RTMP::message(20, 'x' x 128, csid => $_, length => 60000)
    } 3 .. 1200);
    $s->send($bytes);
    closes($s);
});

# --- commands

counted('AMF nested a thousand times', $BROKEN, sub {
    my $deep = ("\x03\x00\x01a") x 1000;
    closes(shaken(), Stentor::RTMP::message(20,
        Stentor::AMF::encode('connect', \1.0) . $deep)) });

counted('an AMF string longer than its message', $BROKEN, sub {
    closes(shaken(), Stentor::RTMP::message(20,
        Stentor::AMF::encode('connect', \1.0) . "\x03\x00\x03app\x02\xff\xff"
        . 'live')) });

counted('a strict array of four thousand million', $BROKEN, sub {
    closes(shaken(), Stentor::RTMP::message(20,
        Stentor::AMF::encode('connect', \1.0) . "\x0a\xff\xff\xff\xff")) });

counted('publish before connect', $BROKEN, sub {
    my $s = shaken();
    $s->command('publish', undef, 'early', 'live');
    closes($s);
});

counted('a second publish', 'protocol_errors', sub {
    my $s = published('twice');
    $s->command('publish', undef, 'again', 'live',
                sub { (csid => 8, sid => 1) });
    closes($s);
});

counted('an unknown application', 'refused_application', sub {
    my $s = shaken();
    my $txn = $s->command('connect', { app => 'nowhere',
        tcUrl => 'rtmp://127.0.0.1/nowhere' });
    my $v = $s->answer($txn) // [''];
    is($v->[0], '_error', 'unknown application: _error');
    is($v->[3]{code} // '', 'NetConnection.Connect.Rejected',
       'unknown application: code');
    closes($s);
});

counted('play', 'refused_play', sub {
    my $s = connected();
    my $v = $s->answer($s->command('createStream', undef));
    $s->command('play', undef, 'studio1',
                sub { (csid => 8, sid => $v->[3]) });
    my $info = $s->on_status();
    is($info->{level} // '', 'error', 'play: onStatus of an error');
    like($info->{code} // '', qr/^NetStream\.Play\./, 'play: code');
    return 1;
});

for my $name ('', '../up', 'a/../b', '/', "nul\0", "line\nbreak", 'sp ace',
              'x' x 3000)
{
    my $said = length($name) > 20 ? 'long' : $name =~ s/[^ -~]/?/gr;

    counted("the name '$said'", 'refused_name', sub {
        my $s = connected();
        my $info = $s->ask_publish($name) // {};
        is($info->{level} // '', 'error', "the name '$said': onStatus");
        return 1;
    });
}

# --- media

for my $case (['MP3', "\x2f\xff\xfb\x90\x64" . 'x' x 400],
              ['Speex', "\xb2" . 'x' x 50],
              ['Nellymoser', "\x62" . 'x' x 50],
              ['Opus', "\x90Opus" . 'x' x 20])
{
    my ($codec, $body) = @$case;

    counted($codec, 'refused_codec', sub {
        my $s = published('codec');
        $s->audio($body, 0);
        my $info = $s->on_status() // {};
        is($info->{level} // '', 'error', "$codec: onStatus of an error");
        like($info->{description} // '', qr/\Q$codec\E/i,
             "$codec: the broadcaster is told why");
        return 1;
    });
}

for my $asc ('', "\x11", "\xff\xff\xff\xff", "\x17\x90", "\x12\x78",
             "\x10" . "\x00" x 200)
{
    my $hex = unpack('H8', $asc);

    counted("the configuration '$hex'",
            $asc eq '' ? ['timeouts'] : [qw(protocol_errors refused_codec)],
            sub {
        my $s = published('badasc');
        $s->config($asc);
        $s->frame($media->{frames}[0], 0);
        return $s->wait_for(sub {
            return $s->{eof} || $s->on_status(0.05);
        }, 5);
    });
}

counted('frames before their configuration', 'timeouts', sub {
    my $s = published('noasc');
    $s->frame($media->{frames}[0], 0);
    closes($s);
});

counted('published, then silent', 'timeouts', sub {
    closes(published('silent')) });

counted('stopped in the middle of a frame', 'timeouts', sub {
    my $s = published('half');
    $s->config($media->{asc});
    my $frame = $s->frame_bytes($media->{frames}[0], 0);
    closes($s, substr($frame, 0, length($frame) / 2));
});

# --- timestamps that cannot be: the stream's own listener must not notice

{
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => 'odd',
                                asc => $media->{asc});
    my @ts = (0, 21, 0xfffffffe, 5, 0x7fffffff, 0x80000000, 42, 0, 0, 0,
              16777215, 16777216, 3);
    my $k = 0;
    my $l = listener($node, path => '/live/odd', edge => 1);

    for (1 .. 60) {
        my $ts = $ts[$k % @ts];
        $s->frame($media->{frames}[$k % 100], $ts) or last;
        $k++;
    }

    ok($l->parts(8), 'absurd timestamps: parts go on');
    conforms('absurd timestamps: a clean programme', @{ $l->{violations} });
    $s->close();
}

# --- many at once, and what is left behind

{
    my @idle = map { tcp() } 1 .. 100;
    $_->send("\x03") for @idle;
    is(scalar(grep { $_->wait_close(5) } @idle), 100,
       'a hundred half handshakes are all closed');
}

ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 1 }, 5,
                      'sessions'), 'only the good session is left');

cmp_ok($node->worker_memory() - $memory, '<', 48 * 1024 * 1024,
       'memory stays bounded');

my $report = $witness->join();
conforms('the good stream never noticed', @{ $report->{violations} });
cmp_ok(scalar(@{ $report->{parts} }), '>', 20, 'and was heard all the time');
is($node->stream('live/studio1')->{state}, 'live', 'and is live');

$good->stop();
$node->done();
done_testing();
