# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A raw RTMP client.  It replays recorded sessions byte for byte, and builds
# sessions of its own in which the test says what goes out, when, in which
# chunks, and where it breaks off.  Every write gives up at a deadline, so a
# server that stops reading fails a test instead of hanging it.  A whole
# broadcaster in a process of its own is Stentor::Broadcaster.

package Stentor::RTMP;

use v5.36;

use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

use Stentor::AMF;

our $TIMEOUT = $ENV{STENTOR_ASAN} ? 30 : 10;

use constant {
    SET_CHUNK_SIZE => 1,
    ABORT          => 2,
    ACK            => 3,
    USER_CONTROL   => 4,
    WINDOW_ACK     => 5,
    PEER_BANDWIDTH => 6,
    AUDIO          => 8,
    VIDEO          => 9,
    DATA           => 18,
    COMMAND        => 20,
    COMMAND3       => 17,
    AGGREGATE      => 22,
};

use constant HANDSHAKE => 1 + 1536 + 1536;


# --- the connection

# connect(port => , host => '127.0.0.1', from => an address of this host,
# chunk_size => 4096, ...): the TCP connection only.

sub connect($class, %o) {
    my $host = $o{host} // '127.0.0.1';
    my $s = IO::Socket::INET->new(PeerAddr => "$host:$o{port}", Timeout => 5,
                                  $o{from} ? (LocalAddr => $o{from}) : ())
        or die "connect to $o{port}: $@\n";

    setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
    $s->blocking(0);

    return bless {
        chunk_size => 128,             # out; grows by set_chunk_size()
        txn => 1,
        %o,
        socket => $s,
        in => '',
        read => Stentor::RTMP::Dechunk->new(),
        messages => [],
        eof => 0,
    }, $class;
}


# open(port =>, app => 'live', name => 'studio1', asc => bytes): everything up
# to the sequence header.  Dies when the server refuses.

sub open($class, %o) {
    my $s = $class->connect(app => 'live', name => 'studio1', %o);

    $s->handshake();
    $s->set_chunk_size($o{size} // 4096);
    $s->connect_app($s->{app});
    $s->publish($s->{name});
    $s->config($s->{asc}) if defined $s->{asc};

    return $s;
}


# Sends bytes; false when the connection broke or nobody reads for long.

sub send($self, $bytes) {
    my $deadline = time() + $TIMEOUT;
    my $select = IO::Select->new($self->{socket});

    local $SIG{PIPE} = 'IGNORE';

    while (length($bytes)) {
        my $n = syswrite($self->{socket}, $bytes, 65536);

        if (defined $n) {
            substr($bytes, 0, $n, '');
            next;
        }

        if (!$!{EAGAIN} && !$!{EINTR}) {
            $self->{eof} = 1;
            return 0;
        }

        return 0 if time() > $deadline;

        $self->pump();
        $select->can_write(0.05);
    }

    return 1;
}


# Reads what the server said, without waiting.

sub pump($self) {
    while (!$self->{eof}) {
        my $n = sysread($self->{socket}, my $data, 65536);

        if (!defined $n) {
            last if $!{EAGAIN} || $!{EINTR};
            $n = 0;
        }

        $self->{eof} = 1 if $n == 0;
        $self->{in} .= $data if $n;
    }

    return if !$self->{shaken};

    push(@{ $self->{messages} }, $self->{read}->feed($self->{in}));
    $self->{in} = '';
}


# Waits until test->() is true; false at the deadline or the server's close.

sub wait_for($self, $test, $seconds = $TIMEOUT) {
    my $deadline = time() + $seconds;
    my $select = IO::Select->new($self->{socket});

    while (1) {
        $self->pump();

        my $rc = $test->();
        return $rc if $rc;

        my $left = $deadline - time();
        return undef if $left <= 0 || $self->{eof};

        $select->can_read($left);
    }
}


# True once the server has closed the connection (within seconds).

sub wait_close($self, $seconds = $TIMEOUT) {
    $self->wait_for(sub { $self->{eof} }, $seconds);
    return $self->{eof};
}


# Closes; reset => 1 with a RST, as a killed encoder behind a NAT would.

sub close($self, %o) {
    my $s = delete $self->{socket} or return;

    setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $o{reset};
    CORE::close($s);
}


# No more from here: FIN, then waits for the server's.  A plain close with
# answers unread would send a RST, which could overtake what was sent.

sub finish($self, $seconds = $TIMEOUT) {
    shutdown($self->{socket}, 1);
    my $rc = $self->wait_close($seconds);
    $self->close();
    return $rc;
}


# --- handshake

sub c1($time = 0) {
    return pack('N N', $time, 0)
           . pack('C*', map { int(rand(256)) } 1 .. 1528);
}


# C0 C1, waits for S0 S1 S2, C2.  piece => n sends in pieces of n bytes.

sub handshake($self, %o) {
    my $c1 = c1();

    $self->send_pieces("\x03$c1", $o{piece});

    my $ok = $self->wait_for(sub { length($self->{in}) >= HANDSHAKE });
    die "no handshake answer\n" if !$ok;
    die "server speaks version " . ord($self->{in}) . "\n"
        if substr($self->{in}, 0, 1) ne "\x03";

    $self->{s1} = substr($self->{in}, 1, 1536);
    $self->{s2} = substr($self->{in}, 1537, 1536);
    substr($self->{in}, 0, HANDSHAKE, '');
    $self->{shaken} = 1;

    $self->send_pieces($self->{s1}, $o{piece});

    return $self;
}


sub send_pieces($self, $bytes, $piece = undef) {
    return $self->send($bytes) if !$piece;

    while (length($bytes)) {
        return 0 if !$self->send(substr($bytes, 0, $piece, ''));
    }

    return 1;
}


# --- messages

# The bytes of one message: type, body; csid 3, ts 0, sid 0, fmt 0 (1 and 2:
# ts is the delta; 3: no header), size = chunk size, ext_once: continuation
# chunks do not repeat an extended timestamp (the other dialect).

sub message($type, $body, %o) {
    my $csid = $o{csid} // 3;
    my $size = $o{size} // 128;
    my $ts = $o{ts} // 0;
    my $fmt = $o{fmt} // 0;

    my $ext = $ts >= 0xffffff ? pack('N', $ts & 0xffffffff) : '';
    my $t24 = length($ext) ? "\xff\xff\xff" : substr(pack('N', $ts), 1);

    my $len = substr(pack('N', $o{length} // length($body)), 1);
    my $head = '';

    $head .= $t24 if $fmt < 3;
    $head .= $len . chr($type) if $fmt < 2;
    $head .= pack('V', $o{sid} // 0) if $fmt == 0;
    $head .= $ext;

    my $out = basic($fmt, $csid) . $head . substr($body, 0, $size);
    my $again = basic(3, $csid) . ($o{ext_once} ? '' : $ext);

    for (my $at = $size; $at < length($body); $at += $size) {
        $out .= $again . substr($body, $at, $size);
    }

    return $out;
}


sub basic($fmt, $csid) {
    return chr($fmt << 6 | $csid) if $csid < 64;
    return chr($fmt << 6) . chr($csid - 64) if $csid < 320;
    return chr($fmt << 6 | 1) . pack('v', $csid - 64);
}


sub send_message($self, $type, $body, %o) {
    return $self->send(message($type, $body,
                               size => $self->{chunk_size}, %o));
}


sub set_chunk_size($self, $size) {
    my $rc = $self->send_message(SET_CHUNK_SIZE, pack('N', $size),
                                 csid => 2);
    $self->{chunk_size} = $size;
    return $rc;
}


sub command($self, $name, @args) {
    my %o = @args && ref($args[-1]) eq 'CODE' ? pop(@args)->() : ();
    my $txn = $o{txn} // $self->{txn}++;

    $self->send_message(COMMAND, Stentor::AMF::encode($name, \($txn + 0),
                                                      @args), %o);
    return $txn;
}


# The first command of the server for which test->(name, txn, args) holds.

sub expect($self, $test, $seconds = $TIMEOUT) {
    my $found;

    $self->wait_for(sub {
        for my $m (@{ $self->{messages} }) {
            next if $m->{type} != COMMAND || $m->{seen};

            my @v = Stentor::AMF::decode($m->{body});
            next if !$test->(@v);

            $m->{seen} = 1;
            $found = \@v;
            return 1;
        }

        return 0;
    }, $seconds);

    return $found;
}


# The answer to a transaction: [_result or _error, txn, ...] or undef.

sub answer($self, $txn, $seconds = $TIMEOUT) {
    return $self->expect(sub (@v) {
        return $v[0] =~ /^_(?:result|error)$/ && $v[1] == $txn;
    }, $seconds);
}


# The info object of the next onStatus, or undef.

sub on_status($self, $seconds = $TIMEOUT) {
    my $v = $self->expect(sub (@v) { $v[0] eq 'onStatus' }, $seconds);
    return $v ? $v->[3] : undef;
}


# --- a session, step by step

# What is said to a connect: [_result or _error, ...], undef when nothing is.

sub ask_connect($self, $app, %extra) {
    return $self->answer($self->command('connect', {
        app => $app, type => 'nonprivate',
        flashVer => 'FMLE/3.0 (compatible; FMSc/1.0)',
        tcUrl => "rtmp://127.0.0.1:$self->{port}/$app", %extra,
    }));
}


sub connect_app($self, $app, %extra) {
    my $v = $self->ask_connect($app, %extra)
        or die "connect is not answered\n";
    die "connect: $v->[0] " . ($v->[3]{code} // '') . "\n"
        if $v->[0] ne '_result';

    return $v;
}


# Asks to publish, and does not wait for what is said to it.

sub send_publish($self, $name) {
    $self->command('releaseStream', undef, $name);
    $self->command('FCPublish', undef, $name);

    my $txn = $self->command('createStream', undef);
    my $v = $self->answer($txn) or die "createStream is not answered\n";
    $self->{sid} = $v->[3];

    $self->command('publish', undef, $name, 'live',
                   sub { (csid => 8, sid => $self->{sid}) });
}


# Asks to publish; returns the onStatus info (or undef), refused or not.

sub ask_publish($self, $name) {
    $self->send_publish($name);
    return $self->on_status();
}


sub publish($self, $name) {
    my $info = $self->ask_publish($name) // { code => 'no answer' };

    die "publish: $info->{code}\n"
        if $info->{code} ne 'NetStream.Publish.Start';

    return $info;
}


sub metadata($self, %fields) {
    return $self->send_message(DATA,
        Stentor::AMF::encode('@setDataFrame', 'onMetaData',
                             [ecma => \%fields]),
        csid => 4, sid => $self->{sid});
}


sub audio($self, $body, $ts, %o) {
    return $self->send($self->audio_bytes($body, $ts, %o));
}


sub config($self, $asc, $ts = 0) {
    return $self->send($self->config_bytes($asc, $ts));
}


sub frame($self, $data, $ts, %o) {
    return $self->send($self->frame_bytes($data, $ts, %o));
}


# What a message of audio begins with, for a sequence header (0) or a frame
# (1): of AAC, or of what the session was opened with: fourcc (Enhanced RTMP)
# or legacy (a codec of FLV's own, which has no header).

sub tag($self, $type) {
    return $self->{legacy} if defined $self->{legacy};
    return chr(0x90 | $type) . $self->{fourcc} if defined $self->{fourcc};
    return "\xaf" . chr($type);
}


# The bytes that these two send, for tests that cut or join them.

sub config_bytes($self, $asc, $ts = 0) {
    return $self->audio_bytes($self->tag(0) . $asc, $ts);
}


sub frame_bytes($self, $data, $ts, %o) {
    return $self->audio_bytes($self->tag(1) . $data, $ts, %o);
}


sub audio_bytes($self, $body, $ts, %o) {
    return message(AUDIO, $body, csid => 4, ts => $ts, sid => $self->{sid},
                   size => $self->{chunk_size}, %o);
}


sub video($self, $body, $ts) {
    return $self->send_message(VIDEO, $body, csid => 6, ts => $ts,
                               sid => $self->{sid});
}


# Frames numbered from 0 of a looped list, times counted in samples.

sub frames($self, $list, $first, $count, %o) {
    my $rate = $o{rate} // 48000;
    my $samples = $o{samples} // 1024;
    my $bytes = '';

    for my $k ($first .. $first + $count - 1) {
        my $ts = int($k * $samples * 1000 / $rate + 0.5) + ($o{ts} // 0);
        $bytes .= $self->frame_bytes($list->[$k % @$list], $ts);
    }

    return $self->send($bytes);
}


# An orderly end, as encoders make it.

sub unpublish($self) {
    $self->command('FCUnpublish', undef, $self->{name});
    $self->command('deleteStream', undef, \($self->{sid} // 1));
    $self->finish();
}


# --- replay of a recording

# The messages of a recorded client, with their offsets.

sub recorded($bytes) {
    my $d = Stentor::RTMP::Dechunk->new();
    my @m = $d->feed(substr($bytes, HANDSHAKE));

    $_->{start} += HANDSHAKE, $_->{end} += HANDSHAKE for @m;

    return @m;
}


# The AAC frames of a recording, in order, and its AudioSpecificConfig.

sub recorded_audio($bytes) {
    my @audio = grep { $_->{type} == AUDIO } recorded($bytes);
    my ($config) = grep { substr($_->{body}, 0, 2) eq "\xaf\x00" } @audio;
    my @frames = map { substr($_->{body}, 2) }
                 grep { substr($_->{body}, 0, 2) eq "\xaf\x01" } @audio;

    return (\@frames, substr($config->{body}, 2));
}


# replay(port, bytes, pace => 1, piece => n, seconds => s): sends a recording,
# at its own pace or at once (in pieces of n bytes).  Returns the connection.

sub replay($class, $port, $bytes, %o) {
    my $self = $class->connect(port => $port);

    $self->send(substr($bytes, 0, 1537));
    $self->wait_for(sub { length($self->{in}) >= HANDSHAKE })
        or die "no handshake answer\n";
    substr($self->{in}, 0, HANDSHAKE, '');
    $self->{shaken} = 1;
    $self->send(substr($bytes, 1537, 1536));

    if (!$o{pace}) {
        $self->send_pieces(substr($bytes, HANDSHAKE), $o{piece});
        return $self;
    }

    my $t0 = time();
    my $at = HANDSHAKE;

    for my $m (recorded($bytes)) {
        last if $o{seconds} && $m->{ts} > 1000 * $o{seconds};

        my $wait = $t0 + $m->{ts} / 1000 - time();
        sleep($wait) if $wait > 0;

        $self->send(substr($bytes, $at, $m->{end} - $at));
        $self->pump();
        $at = $m->{end};

        last if $self->{eof};
    }

    return $self;
}


# Chunks to messages, for both directions: {start, end, csid, fmt, ts, type,
# sid, body}.  Trusts its input (recordings, our own server).

package Stentor::RTMP::Dechunk;

use v5.36;


sub new($class, $size = 128) {
    return bless { size => $size, buf => '', base => 0, cs => {} }, $class;
}


sub feed($self, $bytes) {
    my @out;
    $self->{buf} .= $bytes;

    my $at = 0;
    while (my ($next, $m) = $self->chunk($at)) {
        $at = $next;
        push(@out, $m) if $m;
    }

    substr($self->{buf}, 0, $at, '');
    $self->{base} += $at;

    return @out;
}


# One chunk at an offset: (where it ends, the message it completes or undef),
# nothing when it is not whole.

sub chunk($self, $at) {
    my $b = \$self->{buf};
    my $start = $at;
    my $have = length($$b);

    return if $have < $at + 1;
    my $first = ord(substr($$b, $at++, 1));
    my ($fmt, $csid) = ($first >> 6, $first & 63);

    return if $have < $at + 2 && $csid < 2;
    if ($csid == 0) {
        $csid = 64 + ord(substr($$b, $at++, 1));

    } elsif ($csid == 1) {
        $csid = 64 + unpack('v', substr($$b, $at, 2));
        $at += 2;
    }

    my $c = $self->{cs}{$csid} //= { ts => 0, delta => 0, len => 0,
                                     type => 0, sid => 0, body => '',
                                     ext => 0, start => undef };
    my $n = (11, 7, 3, 0)[$fmt];
    return if $have < $at + $n;

    my %h = (%$c, fresh => $c->{body} eq '');
    return if !$self->header(\%h, $fmt, \$at);

    my $take = $h{len} - length($h{body});
    $take = $self->{size} if $take > $self->{size};
    return if $have < $at + $take;

    if ($h{fresh}) {
        $h{start} = $self->{base} + $start;
        $h{fmt} = $fmt;
    }

    $h{body} .= substr($$b, $at, $take);
    $at += $take;
    %$c = %h;

    return ($at, undef) if length($c->{body}) < $c->{len};

    my %m = (%$c, csid => $csid, end => $self->{base} + $at);
    $c->{body} = '';
    $self->{size} = unpack('N', $m{body}) if $m{type} == 1;

    return ($at, \%m);
}


sub header($self, $h, $fmt, $at) {
    my $b = \$self->{buf};

    if ($fmt == 3) {
        if ($h->{ext}) {
            return 0 if length($$b) < $$at + 4;
            $$at += 4;
        }

        $h->{ts} += $h->{delta} if $h->{fresh};
        return 1;
    }

    my $n = (11, 7, 3)[$fmt];
    return 0 if length($$b) < $$at + $n;

    my $p = substr($$b, $$at, $n);
    my $t = unpack('N', "\0" . substr($p, 0, 3));

    if ($fmt < 2) {
        $h->{len} = unpack('N', "\0" . substr($p, 3, 3));
        $h->{type} = ord(substr($p, 6, 1));
    }

    $h->{sid} = unpack('V', substr($p, 7, 4)) if $fmt == 0;
    $$at += $n;

    $h->{ext} = $t == 0xffffff;

    if ($h->{ext}) {
        return 0 if length($$b) < $$at + 4;
        $t = unpack('N', substr($$b, $$at, 4));
        $$at += 4;
    }

    $h->{delta} = $t;
    $h->{ts} = $fmt == 0 ? $t : $h->{ts} + $t;

    return 1;
}


1;
