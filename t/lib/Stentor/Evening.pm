# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The stage of one evening: a node, its doors (the control API), a broadcaster
# who comes and goes with prepared sound, workers that are killed, and the
# listeners, who are there from the doors' opening to the end.  What is done
# is written down with its time, and what should be heard from then on; what
# was heard is for Stentor::Verdict to say.
#
# A node that does not know a directive yet gives the evening that it can.

package Stentor::Evening;

use v5.36;

use File::Path ();
use IO::Handle;
use JSON::PP ();
use List::Util qw(max min sum0);
use POSIX ();
use Time::HiRes qw(clock time sleep);

use Stentor::Broadcaster;
use Stentor::Ear;
use Stentor::Encoder;
use Stentor::Node;
use Stentor::Player;
use Stentor::Witness;

use constant {
    STREAM => 'evening',
    # what is heard, and how loud it is (dBFS)
    HOLD_HZ => 525,
    HOLD_DB => -17.9,
    LIVE_HZ => 880,
    LIVE_DB => -16.8,

    # how long ffmpeg may take until it is heard
    START => 3,

    # what a machine may be slower than alone
    SLOWEST => 8,

    # how long the control API may have no time
    PATIENCE => 20,

    # sound of a part that is not whole is lost with its worker
    PART => 1.1,
};

# Bits a second of a ladder's rungs.
my %LADDER = (high => 128000, low => 48000);


# new(short => 1, ladder => 1, encoder => 'perl', linger => seconds that a
# stream without doors goes on for, dead => seconds of dead air, say => sub
# ($line)).

sub new($class, %o) {
    my $self = bless {
        dead => 10, linger => 30, encoder => 'ffmpeg', say => sub { },
        %o,
        slow => [], events => [], expected => [],
        sessions => [], kills => [], faults => [], missing => [],
        players => [], witnesses => [],
    }, $class;

    $self->{hold} = hold_file();
    $self->build_node();
    $self->measure_machine();
    $self->{t0} = time();

    return $self;
}


# --- the node

# What the evening wants of the node, and where it stands in nginx.conf.

sub wishes($self) {
    my $ladder = join(' ', map { "rendition $_ bitrate=$LADDER{$_};" }
                      sort keys %LADDER);

    return (
        ['stentor_control', 'http_server',
         'location /control { stentor_control; }',
         'doors: opened and closed by the control API'],
        ['hold', 'application', "hold $self->{hold};",
         'hold audio from a file'],
        ['dead_air', 'application', "dead_air -50dB $self->{dead}s hold;",
         'dead air turns to hold audio'],
        $self->{ladder} ? ['rendition', 'application', $ladder,
                           'several renditions'] : (),
    );
}


sub build_node($self) {
    my %o = (
        part_duration => '1s', grace => '1s', zone => '64m',
        $self->{short} ? (segment_parts => 3, window => '18s')
                       : (segment_parts => 6, window => '60s'),
    );

    for my $wish ($self->wishes()) {
        my ($directive, $where, $text, $what) = @$wish;

        $self->{knows}{$directive}
            = Stentor::Node->knows($directive, $where => $text);

        if ($self->{knows}{$directive}) {
            $o{$where} = ($o{$where} // '') . "$text\n";
        } else {
            push(@{ $self->{missing} }, "$what ($directive)");
        }
    }

    $o{linger} = $self->{knows}{stentor_control} ? '60s'
                                                 : "$self->{linger}s";
    $self->{node} = Stentor::Node->new(%o);
    $self->{dir} = $self->{node}->dir() . '/heard';
    File::Path::make_path($self->{dir});
}


sub has_doors($self) { return $self->{knows}{stentor_control} }


# --- sound

# A file of AAC from an expression, made once and kept.

sub sound($name, $expression, %o) {
    my $dir = "$Stentor::Node::TOP/build/t";
    my $path = "$dir/$name";

    return $path if -s $path;
    File::Path::make_path($dir);

    my $to = "$dir/$$-$name";
    my $samples = int($o{seconds} * $o{rate} + 0.5);
    my @coded = $name =~ /\.aac$/ ? ('-c:a', 'aac', '-b:a', '128k') : ();

    system('ffmpeg', '-nostdin', '-hide_banner', '-loglevel', 'error', '-y',
           '-f', 'lavfi', '-i',
           "aevalsrc='$expression':s=$o{rate},atrim=end_sample=$samples,"
           . ($o{channels} == 1 ? 'anull' : 'pan=stereo|c0=c0|c1=c0'),
           @coded, $to) == 0
        or die "ffmpeg makes no $name: $?\n";
    rename($to, $path) or die "$path: $!\n";

    return $path;
}


# A tone that swells slowly.  A node fades the end of a file into its beginning
# for a second; what is left is whole swells, whole cycles and whole frames at
# 48 and at 44.1 kHz, so the seam has no reason to be heard.

sub hold_file() {
    my $swell = 256 / 75;
    my $depth = "0.2*(0.9+0.1*sin(2*PI*t/$swell))";

    return sound('evening-pause-' . HOLD_HZ . '.wav',
                 "$depth*sin(2*PI*" . HOLD_HZ . '*t)',
                 rate => 48000, channels => 2, seconds => 1 + 7 * $swell);
}


# What a broadcaster says: a tone with a marker in each second, for a while;
# digital silence (its ends faded over 10 ms), if any; and the tone again.
# Returns it with its file; made before the evening, for it takes a while.

sub speech(%o) {
    %o = (rate => 48000, channels => 2, silence => 0, after => 0, %o);

    my $name = join('-', 'evening-speech', @o{qw(rate channels before silence
                                               after)}) . '.aac';
    my ($from, $to) = ($o{before}, $o{before} + $o{silence});
    my $at = $Stentor::Ear::MARKER_AT - 0.05;
    my $hz = $Stentor::Ear::MARKERS[0] . '+'
             . ($Stentor::Ear::MARKERS[1] - $Stentor::Ear::MARKERS[0])
             . '*mod(floor(t),' . @Stentor::Ear::MARKERS . ')';

    my $burst = "between(mod(t,1),$at,$at+0.1)"
                . "*(0.5-0.5*cos(20*PI*(mod(t,1)-$at)))*sin(2*PI*($hz)*t)";
    my $gate = 'clip(t/0.01,0,1)';
    $gate .= "*(clip(($from-t)/0.01,0,1)+clip((t-$to)/0.01,0,1))"
        if $o{silence};

    my $seconds = $o{before} + $o{silence} + $o{after};
    my $file = sound($name,
                     "0.2*$gate*(sin(2*PI*" . LIVE_HZ . "*t)+$burst)", %o,
                     seconds => $seconds);

    return { %o, seconds => $seconds, file => $file };
}


# --- what happens

sub event($self, $what) {
    my $t = time();

    push(@{ $self->{events} }, { t => $t, what => $what });
    $self->{say}->(sprintf('%7.1f  %s', $t - $self->{t0}, $what));

    return $t;
}


# What should be heard from a moment on, give or take; more of the same is no
# change.

sub expect($self, $what, $why, $at, $early, $late) {
    my $last = $self->{expected}[-1];

    return if $last && $last->{what} eq $what;
    push(@{ $self->{expected} }, { what => $what, why => $why, at => $at,
                                   early => $early, late => $late });
}


sub fault($self, $what) {
    push(@{ $self->{faults} }, $what);
    $self->event("fault: $what");
}


# Lets time pass, and sees to it that all are still there.

sub wait($self, $seconds) {
    my $end = time() + $seconds;

    while (time() < $end) {
        if ($self->{on_air} && $self->{on_air}->gone()) {
            delete $self->{on_air};
            $self->fault('the broadcaster has ended by himself');
        }

        my @gone = grep { $_->over() } @{ $self->{players} };
        if (@gone && !$self->{closing} && !$self->{left}++) {
            $self->fault("$_->{name} has left early") for @gone;
        }

        my $left = $end - time();
        sleep($left < 0.05 ? $left : 0.05) if $left > 0;
    }
}


# How many times longer than alone some work takes on this machine: 30 ms of
# it, each second, by a process of its own.  What costs the node CPU may take
# as many times longer.

sub measure_machine($self) {
    my $parent = $$;
    my $path = $self->{dir} . '/yardstick';
    my $pid = fork() // die "fork: $!\n";

    if ($pid) {
        $self->{yardstick} = $pid;
        return;
    }

    local $SIG{TERM} = 'DEFAULT';
    open(my $f, '>', $path) or POSIX::_exit(1);
    $f->autoflush(1);

    while (getppid() == $parent) {
        my ($t, $cpu) = (time(), clock());
        1 while clock() - $cpu < 0.03;
        printf {$f} ("%.3f %.3f\n", $t, (time() - $t) / (clock() - $cpu));
        sleep(1);
    }

    POSIX::_exit(0);
}


sub read_yardstick($self) {
    my $pid = delete $self->{yardstick} // return;

    kill('TERM', $pid);
    waitpid($pid, 0);
    $self->{slow} = [ map { [ split(/ /) ] } split(/\n/,
        Stentor::Node::slurp("$self->{dir}/yardstick") // '') ];
}


# The worst three of those in a row, between two times or at all, but never
# more than what is still an evening.

sub slowness($self, $from = 0, $to = 'inf') {
    my @s = map { $_->[1] } grep { $_->[0] >= $from - 3 && $_->[0] <= $to }
            @{ $self->{slow} };

    return min(SLOWEST, max(1, map { sum0(@s[$_ - 2 .. $_]) / 3 } 2 .. $#s));
}


# Waits until the one on the air is heard, and then so long.

sub heard_for($self, $seconds) {
    my $deadline = time() + PATIENCE;
    my $st;

    do {
        $self->wait(0.05);
        $st = $self->{node}->stream('live/' . STREAM) // {};
    } while (($st->{state} // '') ne 'live' && time() < $deadline);

    $self->fault('he is not heard') if ($st->{state} // '') ne 'live';
    $self->wait($seconds);
}


# --- the doors

# A call of the control API; dies with what it said when it refuses.  A node
# that has no time for it now (503) is asked again, for a while.

sub control($self, $method, $what, $body = undef) {
    my $deadline = time() + PATIENCE;

    while (1) {
        my $r = $self->ask_control($method, $what, $body);
        return $r->{body} if $r->{status} =~ /^2/;

        die "$method /control/$what: $r->{status} $r->{body}\n"
            if $r->{status} != 503 || time() > $deadline;
        $self->event("$method /control/$what: 503, again");
    }
}


sub ask_control($self, $method, $what, $body) {
    my $c = $self->{node}->http();
    my $json = $body ? JSON::PP->new->canonical->encode($body) : '';

    $c->send("$method /control/$what HTTP/1.1\r\nHost: localhost\r\n"
             . "Content-Type: application/json\r\nConnection: close\r\n"
             . 'Content-Length: ' . length($json) . "\r\n\r\n$json", $method);

    return $c->response() // die "no answer to $method /control/$what\n";
}


sub doors_open($self) {
    return if !$self->has_doors();

    my $t = $self->event('the doors open');
    $self->control('POST', 'open', { stream => 'live/' . STREAM });
    $self->{opened} = time() - $t;
    $self->expect('hold', 'the doors open', $t, 0, 0);

    my $list = JSON::PP::decode_json($self->control('GET', 'streams'));
    $self->fault('the control API does not list the stream')
        if !mentions($list, 'live/' . STREAM);

    $self->listen();
}


# Whether a text stands somewhere in a structure.

sub mentions($v, $text) {
    return scalar(grep { mentions($_, $text) } %$v) if ref($v) eq 'HASH';
    return scalar(grep { mentions($_, $text) } @$v) if ref($v) eq 'ARRAY';
    return defined $v && $v eq $text;
}


# Ends the stream, by the API or by its linger time, and waits for ENDLIST.

sub doors_close($self) {
    my $node = $self->{node};
    my $segment = $self->{short} ? 3 : 6;
    my $linger = $self->has_doors() ? 0 : $self->{linger};

    $self->{closing} = 1;
    $self->{status} = $node->stream('live/' . STREAM);

    if ($self->has_doors()) {
        $self->{closed} = $self->event('the doors close');
        $self->control('POST', 'close', { stream => 'live/' . STREAM });
    } else {
        $self->{closed} = $self->event('the stream is left to end');
    }

    # a segment may have to become whole first
    $self->{end_limit} = $segment + $linger + 3;
    $node->wait_until(sub {
        return !grep { !$_->over() } @{ $self->{players} };
    }, $self->{end_limit} + 10);
}


# --- listeners

# One player and one witness for each rendition that the multivariant
# playlist offers.

sub listen($self) {
    my $base = '/live/' . STREAM;
    my $asked = time();
    my $r = $self->{node}->get("$base/index.m3u8");

    die "index.m3u8: $r->{status} $r->{body}\n" if $r->{status} != 200;
    $self->{first_s} = time() - $asked;

    $self->fault("index.m3u8: $_")
        for Stentor::Conformance::check_multivariant($r->{text});

    # those of this node
    my @uris = grep { /^[^#]/ && !m{^https?:} } split(/\n/, $r->{text});

    for my $uri (@uris) {
        my $name = $uri =~ s/\.m3u8$//r;
        my %o = (port => $self->{node}->port_http(), dir => $self->{dir},
                 playlist => "$base/$uri", others => @uris - 1);

        push(@{ $self->{players} },
             Stentor::Player->start(%o, name => $name));
        push(@{ $self->{witnesses} },
             Stentor::Witness->start(%o, name => "$name-witness"));
    }

    my @names = map { $_->{name} } @{ $self->{players} };
    $self->{joined} = $self->event("listening to @names");
    $self->fault('the ladder has ' . @names . ' rungs')
        if $self->{knows}{rendition} && @names != keys %LADDER;
}


# What each of them has to report: (players, witnesses), in the same order.

sub reports($self) {
    $self->read_yardstick();

    my @players = map { $_->join(0) } @{ $self->{players} };
    my @witnesses = map { $_->join($_->{stop} ? 0 : 5) }
                    @{ $self->{witnesses} };

    return (\@players, \@witnesses);
}


# --- the broadcaster

sub goes_live($self, $what, $speech) {
    my $t = $self->event($what);
    my $file = $speech->{file};

    $self->expect('hold', 'the window before the first frame', $t, 0, 0);
    $self->{on_air} = $self->{encoder} eq 'perl'
        ? Stentor::Broadcaster->start(port => $self->{node}->port_rtmp(),
              name => STREAM,
              media => Stentor::Media::read_adts(
                           Stentor::Node::slurp($file)))
        : Stentor::Encoder->start(file => $file,
              url => $self->{node}->push_url(STREAM),
              log => $self->{node}->dir() . '/broadcaster.log');

    push(@{ $self->{sessions} }, { t => $t, %$speech });
    $self->expect('live', $what, $t, 0.1, START);
    $self->listen() if !@{ $self->{players} };

    return $t;
}


# The speech of the one on the air falls silent about now, and hold audio
# comes when that is dead air; then he speaks again.

sub falls_silent($self, $seconds) {
    my $t = $self->event('he falls silent');
    my $dead = $self->{dead};

    $self->expect('silence', 'he falls silent', $t, 0.1, START);
    $self->expect('hold', 'dead air', $t + $dead, 0.5, START + 2)
        if $self->{knows}{dead_air} && $dead < $seconds;

    $self->wait($seconds);

    # sound must last a second before it is believed
    $t = $self->event('he speaks again');
    $self->expect('live', 'he speaks again', $t, 0.1, START + 2);
}


sub is_killed($self) {
    my $b = delete $self->{on_air} // return;

    $b->kill_it();
    my $t = $self->event('he is killed');
    $self->expect('hold', 'he is killed', $t, 0.5, 1);
}


sub ends_in_order($self) {
    my $b = delete $self->{on_air} // return;

    # what is heard for longer has been late for all of his session
    my $t = $self->event('he ends in order');
    $b->stop();
    $self->expect('hold', 'he ends in order', $t, 0.5, 1);

    my $left = $self->{node}->wait_until(sub {
        my $st = $self->{node}->stream('live/' . STREAM);
        return $st && !$st->{session};
    });
    $self->fault('his session is still there') if !$left;
}


# --- workers

# Kills the worker that owns the stream, and sees who has it then; whoever
# broadcasts loses his connection.

sub kill_worker($self) {
    my $node = $self->{node};
    my $st = $node->stream('live/' . STREAM) // die "no stream to kill\n";
    my $pid = $st->{owner_pid};
    my $t = $self->event("worker $pid is killed");
    my %kill = (t => $t, pid => $pid);

    push(@{ $self->{kills} }, \%kill);
    $node->kill_worker('KILL', $pid);

    if (my $b = delete $self->{on_air}) {
        $node->wait_until(sub { $b->gone() }, 5)
            or $self->fault('the broadcaster does not see it');
        $b->kill_it();
        $self->expect('hold', 'a worker is killed', $t, PART, 2.5);
    }

    # only his broadcaster can go on with a stream that nobody adopts
    return if !$self->has_doors();

    $node->wait_until(sub {
        my $now = $node->stream('live/' . STREAM) // return 0;
        return $now->{owner_pid} != $pid;
    }, 4);
    $kill{adopted} = time() - $t;
}


# The end of the node: false and faults when its logs are not clean.

sub finish($self) {
    my $node = $self->{node};

    $self->read_yardstick();
    $_->kill_it() for @{ $self->{players} }, @{ $self->{witnesses} };
    $node->stop('TERM') or $self->fault('the node does not stop');

    my @dirt = $node->dirt();
    my $more = @dirt - 10;
    splice(@dirt, 10, $more, "and $more more") if $more > 0;
    $self->fault("log: $_") for @dirt;
}


sub remove($self) {
    File::Path::remove_tree($self->{node}->dir());
}


1;
