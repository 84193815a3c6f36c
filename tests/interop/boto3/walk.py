"""From a new account to a sign-up by phone, as Amplify's prerequisites walk through it: the sandbox, an origination identity, a verified number."""

from lib import CLIENT, arrived, client, code, countersign, ended, equal, eum, main, refused, simulator, sns, step, wrong

ALICE, STRANGER, BRITON, SPARE = '+12025550131', '+12025550132', '+447700900131', '+12025550133'
PASSWORD = 'Corr3ct-Horse-Battery!'
pools = client('cognito-idp')


def sandbox():
    with step('the account leaves and enters its sandbox'):
        equal(sns.get_sms_sandbox_account_status()['IsInSandbox'], False)
        simulator('PUT', '/sandbox', {'enabled': True})
        equal(sns.get_sms_sandbox_account_status()['IsInSandbox'], True)
        equal(eum.describe_account_attributes()['AccountAttributes'], [{'Name': 'ACCOUNT_TIER', 'Value': 'SANDBOX'}])


def identities():
    with step('a country that needs an origination identity refuses without one'):
        sns.create_sms_sandbox_phone_number(PhoneNumber=ALICE, LanguageCode='de-DE')
        sns.verify_sms_sandbox_phone_number(PhoneNumber=ALICE, OneTimePassword=code(ALICE))
        said = refused('InvalidParameterException', 400, sns.publish, PhoneNumber=ALICE, Message='hello')
        assert 'origination' in said['Error']['Message'], said
        said = refused('ConflictException', 400, eum.send_text_message, DestinationPhoneNumber=ALICE, MessageBody='hello')
        equal(said['Reason'], 'NO_ORIGINATION_IDENTITIES_FOUND')
        sns.delete_sms_sandbox_phone_number(PhoneNumber=ALICE)  # dev mode waits no day
    with step('a country without sender IDs says so'):
        said = refused('ValidationException', 400, eum.request_sender_id, SenderId='ACME', IsoCountryCode='US')
        equal(said['Reason'], 'SENDER_ID_NOT_SUPPORTED')
        assert 'United States' in said['Error']['Message'], said
    with step('an origination number is requested and listed'):
        made = eum.request_phone_number(IsoCountryCode='US', MessageType='TRANSACTIONAL', NumberCapabilities=['SMS', 'VOICE'], NumberType='TOLL_FREE')
        equal((made['Status'], made['NumberType'], made['IsoCountryCode']), ('ACTIVE', 'TOLL_FREE', 'US'))
        numbers = sns.list_origination_numbers()['PhoneNumbers']
        equal([(n['PhoneNumber'], n['Status'], n['Iso2CountryCode'], n['RouteType'], sorted(n['NumberCapabilities'])) for n in numbers],
              [(made['PhoneNumber'], 'ACTIVE', 'US', 'Transactional', ['SMS', 'VOICE'])])
        described = eum.describe_phone_numbers(PhoneNumberIds=[made['PhoneNumberId']])['PhoneNumbers']
        equal([n['PhoneNumberArn'] for n in described], [made['PhoneNumberArn']])
    with step('a sender ID is requested and listed'):
        equal(eum.request_sender_id(SenderId='ACME', IsoCountryCode='GB')['Registered'], False)
        listed = eum.describe_sender_ids(SenderIds=[{'SenderId': 'ACME', 'IsoCountryCode': 'GB'}])['SenderIds']
        equal([(s['SenderId'], s['IsoCountryCode']) for s in listed], [('ACME', 'GB')])


def verified():
    with step('a number is added, gets a real code, and a wrong one is refused'):
        sns.create_sms_sandbox_phone_number(PhoneNumber=ALICE, LanguageCode='en-GB')
        equal(sns.list_sms_sandbox_phone_numbers()['PhoneNumbers'], [{'PhoneNumber': ALICE, 'Status': 'Pending'}])
        right = code(ALICE)
        refused('VerificationException', 400, sns.verify_sms_sandbox_phone_number, PhoneNumber=ALICE, OneTimePassword=wrong(right))
        refused('InvalidParameterException', 400, sns.publish, PhoneNumber=ALICE, Message='too early')
        sns.verify_sms_sandbox_phone_number(PhoneNumber=ALICE, OneTimePassword=right)
        equal(sns.list_sms_sandbox_phone_numbers()['PhoneNumbers'], [{'PhoneNumber': ALICE, 'Status': 'Verified'}])
    with step('the same in End User Messaging'):
        made = eum.create_verified_destination_number(DestinationPhoneNumber=BRITON)
        number = made['VerifiedDestinationNumberId']
        equal(made['Status'], 'PENDING')
        eum.send_destination_number_verification_code(VerifiedDestinationNumberId=number, VerificationChannel='TEXT', LanguageCode='EN_GB')
        right = code(BRITON)
        said = refused('ValidationException', 400, eum.verify_destination_number, VerifiedDestinationNumberId=number, VerificationCode=wrong(right))
        equal(said['Reason'], 'VERIFICATION_CODE_MISMATCH')
        equal(eum.verify_destination_number(VerifiedDestinationNumberId=number, VerificationCode=right)['Status'], 'VERIFIED')
        both = eum.describe_verified_destination_numbers(Filters=[{'Name': 'status', 'Values': ['VERIFIED']}])['VerifiedDestinationNumbers']
        equal({n['DestinationPhoneNumber'] for n in both}, {ALICE, BRITON})
    with step('a code by a call'):
        made = eum.create_verified_destination_number(DestinationPhoneNumber=SPARE)
        number = made['VerifiedDestinationNumberId']
        eum.send_destination_number_verification_code(VerifiedDestinationNumberId=number, VerificationChannel='VOICE')
        call = arrived(SPARE)
        equal(call['channel'], 'voice')
        equal(eum.verify_destination_number(VerifiedDestinationNumberId=number, VerificationCode=call['code'])['Status'], 'VERIFIED')
        eum.delete_verified_destination_number(VerifiedDestinationNumberId=number)


def sign_up():
    with step('a sign-up to the verified number gets its code'):
        out = pools.sign_up(ClientId=CLIENT, Username=ALICE, Password=PASSWORD)
        equal(out['CodeDeliveryDetails']['DeliveryMedium'], 'SMS')
        right = code(ALICE)
        refused('CodeMismatchException', 400, pools.confirm_sign_up, ClientId=CLIENT, Username=ALICE, ConfirmationCode=wrong(right))
        pools.confirm_sign_up(ClientId=CLIENT, Username=ALICE, ConfirmationCode=right)
    with step('a sign-up to another is answered alike and gets none'):
        out = pools.sign_up(ClientId=CLIENT, Username=STRANGER, Password=PASSWORD)
        equal(out['CodeDeliveryDetails']['DeliveryMedium'], 'SMS')
        said = ended(STRANGER[-4:])
        equal(said['state'], 'suppressed')
        assert 'destination_not_verified' in str(said), said
        equal(simulator('GET', '/inbox?to=%2B' + STRANGER[1:]), [])
    with step('a text to another is refused'):
        said = refused('InvalidParameterException', 400, sns.publish, PhoneNumber=STRANGER, Message='hello')
        assert STRANGER not in str(said), said
        said = refused('ConflictException', 400, eum.send_text_message, DestinationPhoneNumber=STRANGER, MessageBody='hello')
        equal(said['Reason'], 'DESTINATION_PHONE_NUMBER_NOT_VERIFIED')


def send():
    number = sns.list_origination_numbers()['PhoneNumbers'][0]['PhoneNumber']
    with step('Publish'):
        sent = sns.publish(PhoneNumber=ALICE, Message='Größe 😀', MessageAttributes={
            'AWS.SNS.SMS.SMSType': {'DataType': 'String', 'StringValue': 'Transactional'},
            'AWS.SNS.SMS.MaxPrice': {'DataType': 'Number', 'StringValue': '0.50'}})
        got = arrived(ALICE, lambda m: not m['code'])
        equal((got['text'], got['from'], got['message_id']), ('Größe 😀', number, sent['MessageId']))
    with step('SendTextMessage from the number, and from a sender ID'):
        eum.send_text_message(DestinationPhoneNumber=ALICE, MessageBody='by number', OriginationIdentity=number)
        equal(arrived(ALICE, lambda m: m['text'] == 'by number')['from'], number)
        eum.send_text_message(DestinationPhoneNumber=BRITON, MessageBody='by name')
        equal(arrived(BRITON, lambda m: m['text'] == 'by name')['from'], 'ACME')
        said = refused('ValidationException', 400, eum.send_text_message, DestinationPhoneNumber=ALICE, MessageBody='x', OriginationIdentity='ACME')
        equal(said['Reason'], 'SENDER_ID_NOT_SUPPORTED')
    with step('a dry run sends nothing'):
        before = len(countersign('message', 'list', '--limit', '100')['messages'])
        eum.send_text_message(DestinationPhoneNumber=ALICE, MessageBody='not at all', DryRun=True)
        equal(len(countersign('message', 'list', '--limit', '100')['messages']), before)
    with step('SendVoiceMessage'):
        eum.send_voice_message(DestinationPhoneNumber=ALICE, OriginationIdentity=number, VoiceId='HANS', MessageBodyTextType='SSML',
                               MessageBody='<speak>Guten <break time="1s"/> Tag</speak>')
        got = arrived(ALICE, lambda m: m['channel'] == 'voice')
        equal((got['text'], got['from']), ('Guten Tag', number))


def opt_outs():
    with step('STOP opts out'):
        equal(sns.check_if_phone_number_is_opted_out(phoneNumber=ALICE)['isOptedOut'], False)
        simulator('POST', '/inbound', {'from': ALICE, 'text': 'STOP'})
        equal(sns.check_if_phone_number_is_opted_out(phoneNumber=ALICE)['isOptedOut'], True)
        equal(len(sns.list_phone_numbers_opted_out()['phoneNumbers']), 1)
        equal(len(eum.describe_opted_out_numbers(OptOutListName='Default')['OptedOutNumbers']), 1)
    with step('a send to who opted out is refused'):
        said = refused('InvalidParameterException', 400, sns.publish, PhoneNumber=ALICE, Message='hello?')
        assert 'opted out' in said['Error']['Message'], said
        said = refused('ConflictException', 400, eum.send_text_message, DestinationPhoneNumber=ALICE, MessageBody='hello?')
        equal(said['Reason'], 'DESTINATION_PHONE_NUMBER_OPTED_OUT')
    with step('opt-in, once in thirty days'):
        sns.opt_in_phone_number(phoneNumber=ALICE)
        equal(sns.check_if_phone_number_is_opted_out(phoneNumber=ALICE)['isOptedOut'], False)
        sns.publish(PhoneNumber=ALICE, Message='welcome back')
        arrived(ALICE, lambda m: m['text'] == 'welcome back')
        eum.put_opted_out_number(OptOutListName='Default', OptedOutNumber=ALICE)
        equal(sns.check_if_phone_number_is_opted_out(phoneNumber=ALICE)['isOptedOut'], True)
        refused('InvalidParameterException', 400, sns.opt_in_phone_number, phoneNumber=ALICE)
        said = refused('ValidationException', 400, eum.delete_opted_out_number, OptOutListName='Default', OptedOutNumber=ALICE)
        equal(said['Reason'], 'PHONE_NUMBER_CANNOT_BE_OPTED_IN')
    with step('an opt-out list of one number alone'):
        eum.create_opt_out_list(OptOutListName='news')
        equal({o['OptOutListName'] for o in eum.describe_opt_out_lists()['OptOutLists']}, {'Default', 'news'})
        eum.put_opted_out_number(OptOutListName='news', OptedOutNumber=BRITON)
        equal(sns.check_if_phone_number_is_opted_out(phoneNumber=BRITON)['isOptedOut'], False)
        equal(len(eum.describe_opted_out_numbers(OptOutListName='news')['OptedOutNumbers']), 1)
        eum.delete_opted_out_number(OptOutListName='news', OptedOutNumber=BRITON)
        eum.delete_opt_out_list(OptOutListName='news')


def settings():
    with step('SetSMSAttributes and GetSMSAttributes'):
        want = {'MonthlySpendLimit': '20', 'DefaultSenderID': 'Shop', 'DefaultSMSType': 'Transactional', 'DeliveryStatusSuccessSamplingRate': '50'}
        sns.set_sms_attributes(attributes=want)
        equal(sns.get_sms_attributes(attributes=list(want))['attributes'], want)
        equal(sns.get_sms_attributes(attributes=['DefaultSenderID'])['attributes'], {'DefaultSenderID': 'Shop'})
        refused('InvalidParameterException', 400, sns.set_sms_attributes, attributes={'DefaultSMSType': 'Loud'})
        equal(sns.get_sms_attributes(attributes=['DefaultSMSType'])['attributes'], {'DefaultSMSType': 'Transactional'})
    with step('the default sender goes where a country shows it'):
        eum.request_sender_id(SenderId='Shop', IsoCountryCode='GB')
        sns.publish(PhoneNumber=BRITON, Message='a sale')
        equal(arrived(BRITON, lambda m: m['text'] == 'a sale')['from'], 'Shop')
    with step('the spend limit stops the account'):
        equal(eum.set_text_message_spend_limit_override(MonthlyLimit=0)['MonthlyLimit'], 0)
        limits = {s['Name']: s for s in eum.describe_spend_limits()['SpendLimits']}
        equal(limits['TEXT_MESSAGE_MONTHLY_SPEND_LIMIT']['EnforcedLimit'], 0)
        said = refused('ServiceQuotaExceededException', 400, eum.send_text_message, DestinationPhoneNumber=BRITON, MessageBody='too much')
        equal(said['Reason'], 'MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT')
        said = refused('InvalidParameterException', 400, sns.publish, PhoneNumber=BRITON, Message='too much')
        assert 'MonthlySpendLimit' in said['Error']['Message'], said
        eum.delete_text_message_spend_limit_override()
        sns.publish(PhoneNumber=BRITON, Message='again')
        arrived(BRITON, lambda m: m['text'] == 'again')


def leave():
    with step('what was requested is released'):
        number = eum.describe_phone_numbers()['PhoneNumbers'][0]
        equal(eum.release_phone_number(PhoneNumberId=number['PhoneNumberId'])['Status'], 'DELETED')
        eum.release_sender_id(SenderId='ACME', IsoCountryCode='GB')
        equal(sns.list_origination_numbers()['PhoneNumbers'], [])
    with step('out of the sandbox everybody is sent to'):
        simulator('PUT', '/sandbox', {'enabled': False})
        equal(sns.get_sms_sandbox_account_status()['IsInSandbox'], False)
        pools.resend_confirmation_code(ClientId=CLIENT, Username=STRANGER)
        assert code(STRANGER)


main(sandbox, identities, verified, sign_up, send, opt_outs, settings, leave)
