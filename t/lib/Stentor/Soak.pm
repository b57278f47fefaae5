# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A cluster that everything happens to for a long time: two origins and two
# edges with a Redis, of whom the first of each is reloaded all the time and
# loses a worker now and then, and the second never is, so that what a worker
# loses over hours shows there and what a reload loses shows here.  Beside them
# is an nginx without Stentor that is reloaded as often.  What is measured of
# them is Stentor::Gauge's.

package Stentor::Soak;

use v5.36;

use JSON::PP ();
use Time::HiRes qw(time sleep);

use Stentor::Authority;
use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Gauge;
use Stentor::Keys;
use Stentor::Replay;
use Stentor::Tone;
use Stentor::Visitors;
use Stentor::Webhook;

# Nothing here is about how fast it is, and the machine may be busy.
$Stentor::Node::PATIENCE = 60;

# Seconds, of what happens again and again; how long the longest of those who
# hold an old worker stay, and what listens.
my %PACES = (
    hour => {
        workers => 4, part => '1s', parts => 3, window => '18s',
        linger => '5s', keep => '10m', end => '8s',
        reload => 60, sample => 60, lose => 410, redis => 730, storm => 290,
        cut => 350, scrape => 5, control => 11,
        stay => [10, 80], away => [2, 10], frozen => [3, 8], pause => 0.3,
        guests => 5, fans => 8, listeners => 160, tls => 40, bots => 30,
        churn => 20,
    },
    minutes => {
        workers => 2, part => '500ms', parts => 2, window => '8s',
        linger => '2s', keep => '30s', end => '2s',
        reload => 8, sample => 3, lose => 19, redis => 27, storm => 23,
        cut => 31, scrape => 2, control => 3,
        stay => [3, 10], away => [1, 3], frozen => [1, 3], pause => 0.1,
        guests => 4, fans => 5, listeners => 60, tls => 20, bots => 20,
        churn => 5,
    },
    fast => {
        workers => 2, part => '200ms', parts => 6, window => '8s',
        linger => '1s', keep => '20s', end => '1s',
        reload => 1.5, sample => 5, lose => 23, redis => 71, storm => 31,
        cut => 17, scrape => 1, control => 0.5,
        stay => [0.3, 2], away => [0, 0.3], frozen => [0.2, 1], pause => 0.02,
        guests => 6, fans => 5, listeners => 60, tls => 20, bots => 20,
        churn => 2,
    },
);


# new(minutes =>, pace => one of those, without => what is not to happen):
# all is set up.

sub new($class, %o) {
    my $self = bless { %o, pace => $PACES{ $o{pace} }, rows => [],
                       did => {}, errors => {}, log_at => {} }, $class;
    my $dir = $self->{dir} = File::Temp::tempdir('stentor-XXXXXX',
                                                 TMPDIR => 1);
    chmod(0755, $dir);

    mkdir("$dir/replay-$_") for 1, 2;
    my $authority = Stentor::Authority->new(dir => $dir, ecdsa => 1);
    $self->{certificate} = [ $authority->issue('127.0.0.1') ];
    $self->{hook} = Stentor::Webhook->start(answers => {
        '/event' => [204, 500, { drop => 1 }, 204] });

    my $key = Stentor::Keys::new_static('keyed/*');
    Stentor::Keys::key_file("$dir/keys", $key->{line});

    $self->{cluster} = Stentor::Cluster->new($self->nodes_conf());
    $self->{twin} = $self->twin();
    $self->{visitors} = Stentor::Visitors->new(
        cluster => $self->{cluster}, pace => $self->{pace},
        key => $key->{value},
        file => Stentor::Tone::file("$dir/tone.m4a", 440, 200));

    return $self;
}


sub nodes($self) { return $self->{cluster}->nodes() }


# --- the nodes

sub nodes_conf($self) {
    my %p = %{ $self->{pace} };

    return (
        dir => "$self->{dir}/cluster", origins => 2, edges => 2,
        cluster => ['relay_idle 5s;'], workers => $p{workers},
        part_duration => $p{part}, window => $p{window},
        linger => $p{linger}, grace => '1s', zone => '64m', log => 'warn',
        # who is killed while he has it
        expected => qr/shared memory zone .* was locked by/,
        node => { map { ("origin-$_" => $self->origin_conf($_),
                         "edge-$_" => $self->edge_conf()) } 1, 2 },
    );
}


sub origin_conf($self, $n) {
    my %p = %{ $self->{pace} };
    my ($http, $rtmps) = map { Stentor::Node::free_port() } 1, 2;
    my $url = $self->{hook}->url('/event');
    my $times = "part_duration $p{part}; segment_parts $p{parts}; "
                . "window $p{window}; "
                . "linger $p{linger}; grace 1s; on_event $url;";
    my @main = $n == 1 ? ('main1', 'main2') : ('main3', 'main4');
    my %served = Stentor::Replay::location("$self->{dir}/replay-$n/");
    my $own = join(' ', map { "stream $_;" } @main);
    my $ladder = $n == 2 ? 'stream main;' : '';

    return {
        segment_parts => $p{parts}, srt => ['latency=120ms'],
        http_port => $http, rtmps => $rtmps,
        lines => "listen http://127.0.0.1:$http/live/; capacity 300;",
        application => <<"END",
        hold $Stentor::Node::TOP/t/data/hold/tone.flac;
        replay $self->{dir}/replay-$n end=$p{end} keep=$p{keep} max_size=64m;
        on_event $url;
        $own
END
        stentor => <<"END",
    streams 128;
    sessions 200;
    max_listeners soft=600 hard=800;
    application ladder {
        $times $ladder
        rendition low bitrate=48k codec=opus;
        rendition high bitrate=96k;
        dead_air -50dB 2s hold;
    }
    application keyed { $times publish_key_file $self->{dir}/keys; }
    application asked {
        $times on_publish @{[ $self->{hook}->url('/publish') ]};
    }
END
        stream_server => $self->tls_conf($rtmps, 'ssl'),
        http => $served{http},
        http_server => "access_log off; $served{http_server}",
    };
}


sub edge_conf($self) {
    my $tls = Stentor::Node::free_port();

    return {
        tls => $tls,
        stentor => <<'END',
    streams 128;
    max_listeners soft=600 hard=800;
    application ladder { }
END
        http_server => 'access_log off; location /ladder/ { stentor_hls; } '
                       . $self->tls_conf($tls, 'ssl http2'),
    };
}


sub tls_conf($self, $port, $how) {
    my ($certificate, $key) = @{ $self->{certificate} };

    return "listen 127.0.0.1:$port $how; ssl_certificate $certificate; "
           . "ssl_certificate_key $key;";
}


# What nginx itself does with a reload.

sub twin($self) {
    return Stentor::Node->new(plain => 1, workers => $self->{pace}{workers},
        log => 'warn', http => 'ssl_session_cache shared:tls:32m;',
        http_server => 'access_log off; '
                       . $self->tls_conf(Stentor::Node::free_port(), 'ssl'));
}


# --- what happens

# Rests, lets everything happen for so many minutes, and rests again.

sub run($self) {
    my %p = %{ $self->{pace} };

    $self->{rest} = { before => $self->at_rest() };
    $self->{begin} = time();
    $self->audience();

    my %due = map { ($_ => time() + $p{$_}) }
              qw(sample lose redis storm cut scrape control);
    $due{reload} = time() + $p{reload} + 0.001;      # just after a sample
    delete @due{ @{ $self->{without} // [] } };

    my $end = $self->{begin} + 60 * $self->{minutes};

    while ((my $now = time()) < $end) {
        for my $what (sort { $due{$a} <=> $due{$b} } keys %due) {
            next if $due{$what} > $now;
            $self->can($what)->($self);
            $due{$what} += $p{$what};
            $due{$what} = time() if $due{$what} < time();
        }

        $self->{visitors}->tick();
        sleep(0.02);
    }

    $self->all_go();
    $self->{rest}{after} = $self->at_rest();
    $self->read_logs();
}


# Those who are there all the time, though none of them stays for long.

sub audience($self) {
    my %p = %{ $self->{pace} };
    my @edges = $self->{cluster}->nodes('edge');
    my @http = map { $_->port_http() } @edges;
    my @tls = map { "https://127.0.0.1:$_->{tls}" } @edges;
    my %main = (stream => 'live/main', streams => 4, failover => 1,
                rate => 0);

    $self->{crowds} = {
        players => [$p{listeners},
                    'low-latency=60,classic=20,preload=20', {}, @http],
        tls => [$p{tls}, 'low-latency=50,preload=50',
                { http2 => 1, insecure => 1 }, @tls],
        bots => [$p{bots}, 'slow=30,playlist-only=15,one-part=15,'
                 . 'connect-only=15,slow-loris=15,malformed=10', {}, @http],
    };

    for my $c (values %{ $self->{crowds} }) {
        my ($n, $mix, $more, @ports) = @$c;

        $c = Stentor::Crowd->new(\@ports, %main, %$more, listeners => $n);
        $c->tell('churn ' . 1000 * $p{churn});
        $c->tell("join $n 5000 $mix");
    }
}


sub reload($self) {
    my @nodes = ((map { $self->{cluster}->node($_) } 'origin-1', 'edge-1'),
                 $self->{twin});

    # not before those of the last one are there, as nginx would not either
    kill('HUP', map { $_->{pid} } @nodes);
    $self->{did}{reload}++;
}


# A worker of one of those that are reloaded.

sub lose($self) {
    my $id = ++$self->{did}{lose} % 2 ? 'origin-1' : 'edge-1';
    my $node = $self->{cluster}->node($id);
    my @workers = $node->worker_pids();

    $node->kill_worker('KILL', $workers[rand(@workers)]) if @workers;
}


# It comes back empty.

sub redis($self) {
    $self->{cluster}->redis()->restart();
    $self->{did}{redis}++;
}


# Half as many again, for as long as one stays.

sub storm($self) {
    my %p = %{ $self->{pace} };
    my @ports = map { $_->port_http() } $self->{cluster}->nodes('edge');
    my $name = 'storm' . ++$self->{did}{storm};

    $self->{visitors}{crowds}{$name} = {
        until => time() + $p{churn},
        crowd => Stentor::Crowd->new(\@ports, stream => 'live/main',
            streams => 4, listeners => int($p{listeners} / 2), rate => 500,
            failover => 1),
    };
}


sub cut($self) {
    $_->tell('cut 1000') for values %{ $self->{crowds} };
    $self->{did}{cut}++;
}


sub scrape($self) {
    for my $node ($self->nodes()) {
        for my $path ('/status', '/metrics') {
            my $r = eval { $node->get($path) };
            my $how = $r && $r->{status} == 200 ? 'scrape' : 'no scrape';
            $self->{did}{$how}++;
        }
    }
}


# What was opened last time is closed, and another stream is opened: one of
# whom broadcasters and listeners know nothing, and sometimes one of theirs.

sub control($self) {
    my @origins = $self->{cluster}->nodes('origin');
    $self->control_closes();

    my $node = $origins[rand(@origins)];
    my $name = rand() < 0.2 ? 'live/main' . ($node == $origins[0] ? 1 : 3)
                            : 'live/opened' . ++$self->{did}{control} % 7;

    $self->{opened} = [$node, $name];
    eval { $node->control('open', $name) };
    eval { $node->control('close', 'live/nobody') };
    eval { $node->get('/control/streams') };
}


sub control_closes($self) {
    my ($node, $name) = @{ delete $self->{opened} // return };

    eval { $node->control('close', $name) };
    eval { $node->control('open', $name) } if $name =~ /main/;
}


# --- the end

sub all_go($self) {
    $self->{visitors}->all_leave();

    $self->control_closes();

    for my $name (keys %{ $self->{crowds} }) {
        $self->{visitors}->tally($name, delete($self->{crowds}{$name})->end());
    }
}


# What is in use when nobody is there, and only the streams of the configuration
# are left, and no worker that shuts down.  The zone has the windows of streams
# that have ended until another stream wants one: the same is the last one
# every time.

sub at_rest($self) {
    my @origins = $self->{cluster}->nodes('origin');
    my $quiet = $self->wait_quiet();

    for my $n (1, 2) {
        my $node = $origins[$n - 1];

        eval { $node->control('open', "live/last$n") };
        eval { $_->get("/live/last$n/index.m3u8") }
            for $self->{cluster}->nodes('edge');
        eval { $node->control('close', "live/last$n") };
    }

    return $self->wait_quiet() // $quiet;
}


sub wait_quiet($self) {
    my %streams = ('origin-1' => 2, 'origin-2' => 3, 'edge-1' => 0,
                   'edge-2' => 0);
    my $deadline = time() + ($self->{wait} // 120);
    my %row;

    for my $node ($self->nodes()) {
        my $id = $node->{id};

        do {
            sleep(0.2);
            $row{$id} = $self->look($node);
        } while (time() < $deadline && grep { ($_ // -1) != 0 }
                 @{ $row{$id} }{qw(old listeners)},
                 ($row{$id}{streams} // -1) - $streams{$id});

        $row{$id}{there} = [ map { "$_->{name} ($_->{state}, $_->{opened_by})" }
                             @{ (eval { $node->status() } // {})->{streams} } ];
    }

    return \%row;
}


sub look($self, $node) {
    return Stentor::Gauge::node($node, Stentor::Gauge::workers());
}


sub sample($self) {
    my $of = Stentor::Gauge::workers();
    my %row = (
        minute => (time() - $self->{begin}) / 60,
        reloads => $self->{did}{reload} // 0,
        map({ ($_->{id} // 'twin' => Stentor::Gauge::node($_, $of)) }
            $self->nodes(), $self->{twin}),
    );

    for my $n (1, 2) {
        my ($bytes, $files) = Stentor::Gauge::disk("$self->{dir}/replay-$n");
        @{ $row{"origin-$n"} }{qw(replay files_of_replay)}
            = ($bytes / 1024, $files);
    }

    $self->read_logs();
    $row{ $_->{id} }{errors} = $self->{errors_of}{ $_->{id} } // 0
        for $self->nodes();

    push(@{ $self->{rows} }, \%row);
    $self->{say}->(\%row) if $self->{say};
}


# What is new in the nodes' logs: how many errors there are, by their texts.

sub read_logs($self) {
    for my $node ($self->nodes()) {
        open(my $f, '<', $node->dir() . '/error.log') or next;
        seek($f, $self->{log_at}{ $node->{id} } // 0, 0);

        while (my $line = <$f>) {
            $self->{log_at}{ $node->{id} } = tell($f);
            my ($text) = $line =~ /\[error\] \S+ (?:\*\d+ )?(.*)/ or next;

            $self->{errors_of}{ $node->{id} }++;
            $text =~ s/, (?:client|while|server|request): .*//;
            $text =~ s/"[^"]*"/"..."/g;
            $text =~ s/\d+/N/g;
            $self->{errors}{$text}++;
        }
    }
}


# Lines that may not be in any log.

sub dirt($self) {
    return map { my $n = $_; map { ($n->{id} // 'twin') . ": $_" } $n->dirt() }
           $self->nodes(), $self->{twin};
}


# Stops all; true when all have ended as they should.

sub stop($self) {
    my $ok = $self->{twin}->stop();
    $ok = $self->{cluster}->stop('QUIT') && $ok;
    $self->{hook}->stop();

    return $ok;
}


sub remove($self) {
    File::Path::remove_tree($self->{dir}, $self->{twin}->dir())
        if !$ENV{STENTOR_KEEP};
}


1;
