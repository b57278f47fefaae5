#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Stream keys over RTMP, made by scripts/stream-key: who is let in, and of the
# others what each was told, what was logged and counted.  The one who is on
# the air all the while notices nothing of them, nor of his key's end.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Keys;
use Stentor::Kit;

use Time::HiRes qw(time);


need('ffmpeg');

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($old, $new, $foreign) = map { new_secret() } 1 .. 3;
my $static = new_static('live/static');
my $wild = new_static('other/*');
my $joe = new_user('joe', 'live/joes', 'users/joes');
my $ann = new_user('ann@example.com');

my %signs = map { $_->[0] => key_file("$dir/$_->[0]", $_->[1]{line}) }
            ['old', $old], ['new', $new], ['foreign', $foreign];
my $keys = key_file("$dir/keys", '# of the studio', '',
                    map { $_->{line} } $new, $old, $static, $wild, $joe,
                                       $ann);
my $users = key_file("$dir/users", $joe->{line}, $ann->{line});

my $media = Stentor::Media::fixture();
my ($aac) = glob("$Stentor::Node::TOP/build/t/tone-440-*.aac");

# he comes first, with a key that soon expires
my $expires = int(time()) + ($ENV{STENTOR_ASAN} ? 20 : 8);
my $his = sign_key($signs{old}, 'live/studio1', "\@$expires");

my ($node, $caster) = on_air(
    linger => '60s',
    application => "publish_key_file $keys;",
    stentor => "application other { publish_key_file $keys; }"
               . " application users { publish_key_file $users; }"
               . ' application open { }',
    broadcaster => { name => "studio1?$his" },
);
my $witness = Stentor::Listener->fork_run(280, port => $node->port_http(),
                                          edge => 1);


sub ingest() { return $node->status()->{ingest} }


# A test of one who is refused: what he is told, what is counted and logged.

sub refused($name, $reason, $what, %o) {
    my $from = an_address();
    my ($before, $at) = (ingest(), length($node->log()));

    is(refusal_of($node, $name, from => $from, %o),
       "error NetStream.Publish.Denied $reason", "$what: told so");
    is(ingest()->{refused_key}, $before->{refused_key} + 1,
       "$what: counted");
    like(substr($node->log(), $at),
         qr/\[info\].* refused: \Q$reason\E while .*client: \Q$from\E,/,
         "$what: logged");
}


sub enters($name, $what, %o) { let_in($node, $name, $what, %o)->close() }


# --- signed keys

my $BAD_SIGNATURE = 'wrong signature of the stream key';
my $good = sign_key($signs{new}, 'live/one');
my ($exp, $sig) = $good =~ /exp=(\d+)&sig=(\w+)/;

enters("one?$good", 'a signed key');
enters('one?sig=' . uc($sig) . "&exp=$exp", 'in upper case, and turned round');
enters("one?a=b&$good&track=2", 'with a track beside it');
enters("one?%65xp=1&exp=$exp&sig=%" . unpack('H2', $sig) . substr($sig, 1),
       'percent-encoded');
enters('one', 'behind the application', app => "live?$good");
enters('one?' . sign_key($signs{old}, 'live/one'), 'by the second secret');
enters('a/b?' . sign_key($signs{new}, 'live/a/b'), 'of a deeper name');
enters('one?' . sign_key($signs{new}, 'live/one', '366d'), 'for a year');

refused("two?$good", $BAD_SIGNATURE, 'another name');
refused("one?$good", $BAD_SIGNATURE, 'another application', app => 'other');
refused('one?exp=' . ($exp + 1) . "&sig=$sig", $BAD_SIGNATURE, 'a changed exp');
refused("one?exp=0$exp&sig=$sig", $BAD_SIGNATURE, 'exp in another way');
refused("one?exp=$exp", $BAD_SIGNATURE, 'without its signature');
refused("one?sig=$sig", $BAD_SIGNATURE, 'without its time');
refused("one?exp=$exp&sig=" . substr($sig, 1), $BAD_SIGNATURE, 'cut off');
refused("one?exp=$exp&sig=" . '0' x 64, $BAD_SIGNATURE, 'of zeros');
refused('one?' . sign_key($signs{foreign}, 'live/one'), $BAD_SIGNATURE,
        'by a secret of somebody else');
refused('one?' . sign_key($signs{new}, 'live/one', '@' . int(time() - 2)),
        'stream key has expired', 'expired');

# a bad signature is not made good by what else is there
refused("static?exp=$exp&sig=$sig&key=$static->{value}", $BAD_SIGNATURE,
        'a good key beside it');

# --- static keys

enters("static?key=$static->{value}", 'a static key');
enters("static?token=$static->{value}", 'as a token');
enters('static', 'behind the application',
       app => "live?key=$static->{value}");
enters("any?key=$wild->{value}", 'for all of an application', app => 'other');

refused("one?key=$static->{value}", 'wrong stream key', 'of another stream');
refused("any?key=$wild->{value}", 'wrong stream key',
        'of another application');
refused('static?key=' . uc($static->{value}), 'wrong stream key',
        'in upper case');
refused('static?key=x', 'wrong stream key', 'another',
        app => "live?key=$static->{value}");

# --- nothing

refused('one', 'no stream key', 'no key');
refused('one?key=&track=1', 'no stream key', 'an empty one');
refused('one?Key=x', 'no stream key', 'what is no key');
enters('one', 'an application without a key file', app => 'open');

# --- users: in clear

my $pass = "user=joe&pass=$joe->{value}";

enters("joes?$pass", 'a password in clear');
enters('joes', 'behind the application', app => "live?$pass");
enters("any?user=ann%40example.com&pass=$ann->{value}",
       'of a user for all streams');
refused("joes?user=joe&pass=$ann->{value}", 'wrong password',
        'a password of somebody else');
refused('joes?user=eve&pass=letmein0', 'no such user', 'an unknown user');
refused("one?$pass", 'user may not publish this stream', 'not his stream');

# --- users: the dialogue

sub dialogues($app, $user, $password, $last, $what) {
    my ($before, $at) = (ingest(), length($node->log()));
    my ($s, $said) = dialogue($node, $app, $user, $password);

    is(scalar(@$said), $last =~ /nosuch/ ? 2 : 3, "$what: connections");
    is($said->[0], '[ AccessManager.Reject ] : [ code=403 need auth;'
       . ' authmod=adobe ] :', "$what: asked for it");
    is($said->[-1], $last, "$what: told in the end");
    is(ingest()->{refused_key} - $before->{refused_key},
       $last eq '' ? 0 : 1, "$what: counted");
    return ($s, substr($node->log(), $at));
}


my $FAILED = '[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=';

my ($s, $log) = dialogues('users', 'joe', $joe->{value}, '', 'a user');
is($s->ask_publish('joes')->{code}, 'NetStream.Publish.Start',
   'and he publishes');
like($log, qr/not let in: user and password needed/, 'the log tells of it');
$s->close();

($s) = dialogues('live?user=joe', 'joe', $joe->{value}, '', 'named in a URL');
is($s->ask_publish('joes')->{code}, 'NetStream.Publish.Start',
   'and publishes, too');
$s->close();

($s, $log) = dialogues('users', 'joe', 'letmein0', "${FAILED}authfailed",
                       'a wrong password');
like($log, qr/not let in: wrong password/, 'the log says so');
$s->finish();

($s, $log) = dialogues('users', 'eve', 'letmein0', "${FAILED}nosuchuser",
                       'an unknown user');
like($log, qr/not let in: no such user/, 'the log says so');
$s->finish();

($s) = dialogues('users', 'joe', $joe->{value}, '', 'not his stream');
my $said = $s->ask_publish('anns');
is("$said->{level} $said->{code} $said->{description}",
   'error NetStream.Publish.Denied user may not publish this stream',
   'refused there');
$s->finish();

# --- ffmpeg

sub ffmpeg($url, $name) {
    my $b = Stentor::Encoder->start(url => $url, file => $aac,
                                    log => "$dir/$name.log");
    my ($app, $stream) = $url =~ m{/(\w+)/(\w+)[^/]*$};
    my $up = $node->wait_until(sub {
        my $st = $node->stream("$app/$stream");
        return 'on air' if $st && $st->{session}
                           && $st->{session}{audio_frames};
        return 'gone' if $b->gone();
    });

    $b->kill_it();
    return ($up // '') . ' ' . Stentor::Node::slurp("$dir/$name.log");
}


my $port = $node->port_rtmp();

like(ffmpeg("rtmp://joe:$joe->{value}\@127.0.0.1:$port/users/joes", 'joe'),
     qr/^on air/, 'ffmpeg with a password is on the air');
like(ffmpeg($node->push_url("ff?" . sign_key($signs{new}, 'live/ff')), 'sig'),
     qr/^on air/, 'and with a signed key');
like(ffmpeg("rtmp://joe:letmein0\@127.0.0.1:$port/users/joes2", 'wrong'),
     qr/^gone .*Incorrect username\/password/s,
     'a wrong password: it says so');
like(ffmpeg("rtmp://eve:letmein0\@127.0.0.1:$port/users/joes3", 'eve'),
     qr/^gone .*Incorrect username/s, 'an unknown user: it says so');
like(ffmpeg("rtmp://joe:$joe->{value}\@127.0.0.1:$port/users/anns", 'his'),
     qr/^gone .*user may not publish this stream/s,
     'not his stream: it says so');
like(ffmpeg($node->push_url('ff2?' . sign_key($signs{new}, 'live/ff2',
                                              '@1000000000')), 'expired'),
     qr/^gone .*stream key has expired/s, 'an expired key: it says so');
like(ffmpeg($node->push_url('ff3'), 'none'), qr/^gone .*no stream key/s,
     'none: it says so');

is($node->stream("live/$_"), undef, "there is no stream $_")
    for qw(two ff2 ff3);

# --- who is on the air

ok($node->wait_until(sub { time() > $expires + 1 }, 30),
   'the key of the one on the air expires');
refused("studio1?$his", 'stream key has expired', 'nobody gets in with it');
refused('studio1?key=x', 'wrong stream key', 'nor without rights');
cmp_ok($node->stream('live/studio1')->{session}{since_s}, '>=', 1,
       'he is still there');

# --- a secret is taken away

my $rotated = sign_key($signs{old}, 'live/one');

enters("one?$rotated", 'a key of the old secret');
key_file($keys, map { $_->{line} } $new, $static);
$node->reload();
refused("one?$rotated", $BAD_SIGNATURE, 'which is taken away by a reload');
refused("any?user=ann%40example.com&pass=$ann->{value}", 'no such user',
        'as is a user');
enters('one?' . sign_key($signs{new}, 'live/one'), 'the new one is good');

# a file that is broken is no reload
key_file($keys, $new->{line}, "secret tooshort");
kill('HUP', $node->{pid});
ok($node->wait_until(sub {
    $node->log() =~ /\[emerg\].*keys", line 2: secret is shorter/;
}), 'a broken file is told of');
enters("static?key=$static->{value}", 'and the old one counts');
key_file($keys, $new->{line});

# --- he has noticed nothing

my $st = $node->stream('live/studio1');

is("@{ $st->{repairs} }{qw(gaps_filled resyncs takeovers broken)}",
   '0 0 0 0', 'the one on the air: nothing was repaired');
is($st->{state}, 'live', 'he is live');
my $report = $witness->join();
conforms('his listener: one unbroken programme', @{ $report->{violations} });
cmp_ok(scalar(@{ $report->{parts} }), '>', 20, 'over all that time');

# --- what is told of it

is(ingest()->{refused_attempts}, 0, 'no address had too many failures');
like($node->get('/metrics')->{body},
     qr/^stentor_ingest_refused_key_total @{[ ingest()->{refused_key} ]}$/m,
     'the metrics have the counter');
told_nowhere($node, 'letmein0');

$caster->stop();
like(join("\n", $node->dirt()), qr/^[^\n]*secret is shorter[^\n]*$/,
     'the broken file is all that is wrong in the log');
Stentor::Node::spew($node->dir() . '/error.log',
                    $node->log() =~ s/^.*secret is shorter.*\n//mr);
$node->done('TERM');

# --- files that are none

sub says($what, $content, $regex, $mode = 0600) {
    Stentor::Node::spew("$dir/bad", $content);
    chmod($mode, "$dir/bad");
    my ($rc, $said) = Stentor::Node->check(
        application => "publish_key_file $dir/bad;");

    like($said, $regex, $what);
    return ($rc, $said);
}


my @BROKEN = (
    ['a word nobody knows', "\n# x\nsekret xyzzy-xyzzy-xyzzy\n", 3,
     'line is neither "secret", "key", "user" nor "passphrase"'],
    ['a short secret', "$new->{line}\nsecret xyzzy-xyzzy\n", 2,
     'secret is shorter than 16 characters'],
    ['two secrets in a line', "$new->{line} xyzzy", 1,
     'secret is followed by more'],
    ['too many secrets', "secret xyzzy-xyzzy-xyzzy\n" x 9, 9,
     'too many secrets'],
    ['a key in clear', "key live/x xyzzy\r\n", 1,
     'key is no salt and SHA-256 hash'],
    ['a key of nothing', "key /xyzzy x:y\n", 1, 'key of no stream'],
    ['a password in clear', "user joe xyzzy\n", 1,
     'user has no salt and MD5 hash'],
    ['a user twice', "$joe->{line}\n$joe->{line}\n", 2,
     'user is there already'],
    ['a short passphrase', "passphrase * xyzzy\n", 1,
     'passphrase is not 10 to 79 characters long'],
);

for my $case (@BROKEN) {
    my ($what, $content, $line, $reason) = @$case;
    my ($rc, $said) = says("$what: line and reason", $content,
        qr/\[emerg\] .*"\Q$dir\E\/bad", line $line: \Q$reason\E in /);

    isnt($rc, 0, "$what: an error");
    unlike($said, qr/xyzzy|\Q$new->{value}\E/, "$what: it is not quoted");
}

my ($rc) = says('a file that is too long', '#' x (4 * 1024 * 1024 + 1),
                qr/\[emerg\] .*bad": key file is too long in /);
isnt($rc, 0, 'is an error');

($rc) = says('a file that everybody may read', $new->{line},
             qr/\[warn\] .*bad" has secrets, and everybody may read it/,
             0604);
is($rc, 0, 'is a warning');

my $out;
($rc, $out) = says('one that others may not', $new->{line}, qr/is ok/, 0640);
unlike($out, qr/warn/, 'is none');
is($rc, 0, 'but good');

unlink("$dir/bad");
($rc, $out) = Stentor::Node->check(application => "publish_key_file $dir/bad;");
isnt($rc, 0, 'no file: an error');
like($out, qr/\[emerg\] open\(\) ".*bad" failed \(2: No such file/,
     'which says so');

($rc, $out) = Stentor::Node->check(
    application => "publish_key_file $users; publish_key_file $users;");
like($out, qr/"publish_key_file" directive is duplicate/, 'only one');

done_testing();
